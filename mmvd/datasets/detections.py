"""Boxes of a detector: files in the format of COCO's results or BOP's, and queries out of them."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from mmvd.errors import MissingInputsError, SampleError

Detection = tuple[int, list[float], float]  # object, corners x1, y1, x2, y2 in pixels, score


@lru_cache(4)
def read_detections(path: Path) -> dict[tuple[int | None, int], list[Detection]]:
    """Boxes of a file by scene, None where it names none, and image.

    Raises:
        MissingInputsError: If there is no such file.
        SampleError: If it is damaged, or names the scenes of some boxes only.
    """
    found: dict[tuple[int | None, int], list[Detection]] = {}
    try:
        for row in read_rows(path):
            scene = row.get('scene_id')
            key = (None if scene is None else whole(scene), whole(row['image_id']))
            found.setdefault(key, []).append(detection_of(row))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise SampleError(f'{path}: no list of detections in the format of COCO or BOP ({error!r})') from error
    if len({scene is None for scene, _ in found}) > 1:
        raise SampleError(f'{path}: some of its rows name a scene_id, others do not: give it to all, or to none')
    return found


def read_rows(path: Path) -> list:
    """Rows of a JSON file of boxes.

    Raises:
        MissingInputsError: If there is no such file.
        SampleError: If it is no JSON, or no list.
    """
    if not path.is_file():
        raise MissingInputsError(f'{path}: no such file of boxes')
    try:
        rows = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SampleError(f'{path}: no readable JSON ({error})') from error
    if not isinstance(rows, list):
        raise SampleError(f'{path}: no list of detections as COCO and BOP have it, but a {type(rows).__name__}')
    return rows


def queries_of(
    detections: Iterable[Detection],
    obj_ids: Sequence[int],
    shape: tuple[int, int],
    min_score: float = -math.inf,
    max_queries: float = math.inf,
) -> tuple[dict, dict[str, int]]:
    """Queries out of detections, best scored first, and how many were left out, by reason.

    Args:
        detections: As :func:`detection_of` gives them.
        obj_ids: Objects in the order of the classes.
        shape: (height, width) of the image, at which boxes are cut.
        min_score: Of those that count.
        max_queries: Most of an image.
    """
    kept, dropped = [], Counter()
    for obj_id, box, score in sorted(detections, key=lambda row: -row[2]):
        seen = inside(box, shape)
        if obj_id not in obj_ids:
            dropped['of other objects'] += 1
        elif score < min_score:
            dropped[f'scored below {min_score:g}'] += 1
        elif seen is None:
            dropped['outside of the image'] += 1
        elif len(kept) == max_queries:
            dropped[f'beyond the best {max_queries}'] += 1
        else:
            kept.append((seen, list(obj_ids).index(obj_id), score))
    queries = dict(
        bboxes=np.array([box for box, *_ in kept], np.float32).reshape(-1, 4),
        labels=np.array([label for _, label, _ in kept], np.int64),
        scores=np.array([score for *_, score in kept], np.float32),
    )
    return queries, dict(dropped)


def detection_of(row: dict) -> Detection:
    """Object, x1, y1, x2, y2 and score of a row in COCO's or BOP's format.

    Raises:
        KeyError: If something is missing, TypeError and ValueError if it is no number, or not a finite one.
    """
    if isinstance(row['bbox'], str):
        raise TypeError('a text where the four numbers of bbox are expected')
    x, y, width, height = map(float, row['bbox'])
    box, score = [x, y, x + width, y + height], float(row.get('score', 1.0))
    if not np.isfinite([*box, score]).all():
        raise ValueError('a number is not finite')
    return whole(row['category_id']), box, score


def whole(value: object) -> int:
    """An id: a whole number, or the digits of one.

    Raises:
        TypeError: If it is no number at all, ValueError if it is no whole one.
    """
    number = float(value)
    if isinstance(value, bool) or not number.is_integer():
        raise ValueError(f'{value!r} is no id')
    return int(number)


def inside(box: list[float] | None, shape: tuple[int, int]) -> list[float] | None:
    """Corners cut at the image; None if nothing is left."""
    if box is None:
        return None
    x1, x2 = np.clip([box[0], box[2]], 0, shape[1])
    y1, y2 = np.clip([box[1], box[3]], 0, shape[0])
    return [x1, y1, x2, y2] if x2 > x1 and y2 > y1 else None
