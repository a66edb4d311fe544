"""Which rigid motions leave an object as it is."""

import math

import numpy as np
from scipy.spatial.transform import Rotation


def symmetry_transforms(model_info: dict, max_step: float = 0.01) -> np.ndarray:
    """All symmetries of an object, continuous ones in steps.

    Args:
        model_info: Entry of ``models_info.json``; may have ``symmetries_discrete`` (16 numbers each, the rows of a
            matrix) and ``symmetries_continuous`` (``axis`` and ``offset`` each).
        max_step: Largest way of the farthest vertex in a step of a continuous symmetry, as a share of the diameter
            (BOP: 0.01, which makes 315 steps).

    Returns:
        (N, 4, 4) float64 motions of the object, millimetres, the identity first: every discrete one after every
        continuous one.
    """
    discrete = [np.eye(4)]
    for numbers in model_info.get('symmetries_discrete', ()):
        discrete.append(np.array(numbers, np.float64).reshape(4, 4))
    continuous = []
    for symmetry in model_info.get('symmetries_continuous', ()):
        axis = np.array(symmetry['axis'], np.float64)
        offset = np.array(symmetry['offset'], np.float64)
        steps = math.ceil(math.pi / max_step)
        angles = np.arange(steps) * (2 * math.pi / steps)
        turns = np.tile(np.eye(4), (steps, 1, 1))
        turns[:, :3, :3] = Rotation.from_rotvec(angles[:, None] * axis / np.linalg.norm(axis)).as_matrix()
        turns[:, :3, 3] = offset - turns[:, :3, :3] @ offset
        continuous.append(turns)
    if not continuous:
        return np.stack(discrete)
    return np.concatenate([turns @ each for turns in continuous for each in discrete])
