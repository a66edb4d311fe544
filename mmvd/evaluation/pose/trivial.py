"""Predictors that look at nothing, or at boxes and depth alone: what a network must beat."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from .submission import Estimate

NAMES = ('class mean', 'box, mean depth', 'box, sensor depth', 'true t, random R')


@dataclass(frozen=True)
class ClassMeans:
    """Means of an object over training data: (3, 3) rotation, (3,) translation in mm, half its thickness in mm."""

    R: np.ndarray
    t: np.ndarray
    half_mm: float


def class_means(instances: Sequence[dict], diameters: dict[int, float]) -> dict[int, ClassMeans]:
    """Means by object.

    Args:
        instances: Objects as :func:`mmvd.datasets.bop_files.poses_of` gives them.
        diameters: In mm, by object; a quarter stands for half the thickness.
    """
    turns, places = defaultdict(list), defaultdict(list)
    for each in instances:
        turns[each['obj_id']].append(np.reshape(each['rotation'], (3, 3)))
        places[each['obj_id']].append(each['translation_mm'])
    means = {key: Rotation.from_matrix(turns[key]).mean().as_matrix() for key in turns}
    return {key: ClassMeans(means[key], np.mean(places[key], 0), diameters[key] / 4) for key in turns}


@dataclass(frozen=True)
class Seen:
    """A box and what lies in it.

    Attributes:
        estimate: The network's estimate of that box, whose ids and score are taken.
        box: (4,) x1, y1, x2, y2 in pixels of the original image.
        K: (3, 3) its intrinsics.
        median_mm: Median of the measured depth in the box; NaN without any.
    """

    estimate: Estimate
    box: np.ndarray
    K: np.ndarray
    median_mm: float


def trivial_estimates(
    seen: Sequence[Seen], truths: Sequence, means: dict[int, ClassMeans], seed: int = 0
) -> dict[str, list[Estimate]]:
    """Estimates of the four predictors, by name; objects that training data do not have are missed.

    Args:
        seen: Boxes, for the first three.
        truths: :class:`mmvd.evaluation.pose.Truth` of all objects, for the last.
        means: Of the training data.
        seed: Of the random rotations.
    """
    random, found = np.random.default_rng(seed), {name: [] for name in NAMES}
    for each in truths:
        turn = Rotation.random(random_state=random).as_matrix()
        found[NAMES[3]].append(Estimate(each.scene_id, each.im_id, each.obj_id, each.visib_fract, turn, each.t))
    for each in seen:
        mean = means.get(each.estimate.obj_id)
        if mean is None:
            continue
        centre = np.append((each.box[:2] + each.box[2:]) / 2 - 0.5, 1.0)  # pixel centres are at integers
        ray = np.linalg.inv(each.K) @ centre
        depth = mean.t[2] if np.isnan(each.median_mm) else each.median_mm + mean.half_mm
        places = (mean.t, ray * mean.t[2], ray * depth)
        for name, place in zip(NAMES, places, strict=False):
            found[name].append(replace(each.estimate, R=mean.R, t=place))
    return found
