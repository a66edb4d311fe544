"""Files of results as the BOP challenge takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmvd.datasets.bop_files import check_rotation
from mmvd.errors import MissingInputsError, SampleError
from mmvd.saving import AtomicLocalBackend

_HEADER = 'scene_id,im_id,obj_id,score,R,t,time'


@dataclass(frozen=True)
class Estimate:
    """A pose that was found.

    Attributes:
        scene_id: Scene.
        im_id: Frame of the scene.
        obj_id: Object.
        score: Confidence.
        R: (3, 3) rotation, object to camera.
        t: (3,) translation in mm.
        time: Seconds for the whole image; -1 if not measured.
    """

    scene_id: int
    im_id: int
    obj_id: int
    score: float
    R: np.ndarray
    t: np.ndarray
    time: float = -1.0


def is_pose(estimate: Estimate) -> bool:
    """Whether rotation and translation are finite and the rotation is one: no reflection, not scaled."""
    if not np.isfinite([estimate.score, *estimate.t]).all():
        return False
    try:
        check_rotation(estimate.R, 'estimate')
    except SampleError:
        return False
    return True


def write_submission(estimates: Sequence[Estimate], path: str | Path) -> None:
    """Write a file ``METHOD_DATASET-SPLIT.csv``, whole or not at all; what is no pose is left out.

    Raises:
        SavingError: If it cannot be written.
    """
    lines = [_HEADER]
    for each in filter(is_pose, estimates):
        numbers = (' '.join(repr(float(x)) for x in np.ravel(part)) for part in (each.R, each.t))
        head = f'{each.scene_id},{each.im_id},{each.obj_id},{float(each.score)!r}'
        lines.append(','.join([head, *numbers, repr(float(each.time))]))
    AtomicLocalBackend().put(('\n'.join(lines) + '\n').encode(), path)


def read_submission(path: str | Path) -> list[Estimate]:
    """Read such a file, also one of another method.

    Raises:
        MissingInputsError: If there is no such file.
        SampleError: If a line is none, a rotation is none, or a number is not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingInputsError(f'{path}: no such file of results')
    lines = path.read_text('utf-8-sig', errors='replace').splitlines()  # spreadsheets write its mark
    if not lines or lines[0].strip() != _HEADER:
        raise SampleError(f'{path}: its first line must be {_HEADER}, alone')
    return [_estimate(line, f'{path}, line {number}') for number, line in enumerate(lines[1:], 2) if line.strip()]


def _estimate(line: str, source: str) -> Estimate:
    fields = line.split(',')
    try:
        scene, image, obj, score, R, t, time = fields
        turn, shift = np.array(R.split(), np.float64).reshape(3, 3), np.array(t.split(), np.float64).reshape(3)
        found = Estimate(int(scene), int(image), int(obj), float(score), turn, shift, float(time))
    except ValueError as error:
        raise SampleError(f'{source}: not {_HEADER} with 9 and 3 numbers for R and t ({error})') from error
    if not np.isfinite([found.score, *shift]).all():
        raise SampleError(f'{source}: score or t is not finite')
    check_rotation(turn, source)
    return found
