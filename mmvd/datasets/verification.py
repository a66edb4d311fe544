"""What a converted dataset holds: counts, label histogram, depth statistics, and what cannot be read."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset
from tqdm import tqdm

from mmvd.errors import MMVDError

from .archives import changed_ns
from .threads import map_in_threads
from .transforms.labels import IGNORE, LoadLabels
from .transforms.loading import LoadDepth, LoadImage

UNIT_TOLERANCE = 100.0  # of one map beside the median: metres beside millimetres, not a wall beside a street
SCALE_TOLERANCE = 5.0  # of all maps of one depth_scale (BOP: of each scene) beside the median: 0.1 beside 1
_OTHER_SCALE = 1.2  # times that of most maps; those of a set's own cameras differ by less


@dataclass
class DatasetFacts:
    """Facts of one split; depth statistics are means over images of each one's mean and deviation (facts, part 4)."""

    images: int = 0
    read: int = 0  # without those that cannot be
    mean_m: float = 0.0
    std_m: float = 0.0
    density: float = 0.0
    histogram: np.ndarray | None = None
    classes: np.ndarray | None = None
    failures: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)  # depth maps without depth
    other_unit: list[str] = field(default_factory=list)  # alone, or with all of their depth_scale far from the others


def examine(
    dataset: BaseDataset,
    limit: int | None = None,
    done: MutableMapping[str, dict] | None = None,
    label: str | None = None,
) -> DatasetFacts:
    """Read every sample of a dataset, or ``limit`` of them spread evenly; what cannot be read is noted, not raised.

    Args:
        dataset: A :class:`mmvd.datasets.RGBDDataset`, with or without labels.
        limit: Most samples to read.
        done: Samples that were read before, by entry and time of their files; gets each new one.
        label: Name of the progress bar; that of the class by default.
    """
    total, done = len(dataset), {} if done is None else done
    chosen = np.unique(np.linspace(0, total - 1, min(limit or total, total)).round().astype(int))
    facts, depth, histogram = DatasetFacts(images=total), {}, np.zeros(IGNORE + 1, np.int64)
    if total and 'gt_label' in dataset.get_data_info(0):
        labels = [dataset.get_data_info(i)['gt_label'] for i in range(total)]
        facts.classes = np.bincount(labels, minlength=len(dataset.metainfo['classes']))
    seen: dict[str, tuple] = {}
    pairs: set[tuple] = set()
    looks = _looks_into(dataset, chosen, done)
    for key, index, entry, found in tqdm(looks, label or type(dataset).__name__, len(chosen), unit=' samples'):
        if 'failure' not in found:  # which may be mended before the next call
            done[key] = found
        if 'failure' in found:
            facts.failures.append(found['failure'])
        else:
            pair = entry['img_path'], entry.get('depth_path')
            first, twice = seen.setdefault(found['digest'] or pair[0], pair), pair in pairs
            pairs.add(pair)
            if twice or first[0] != pair[0]:  # two maps may belong to one image
                facts.duplicates.append(f'{pair[0]} is {first[0]}')
            for label, count in found['labels']:
                histogram[label] += count
            depth[index] = (*found['depth'], entry.get('depth_scale') or 1.0)
    _sum_up(facts, dataset, depth)
    facts.histogram = histogram if histogram.any() else None
    return facts


def _sum_up(facts: DatasetFacts, dataset: BaseDataset, depth: dict[int, tuple]) -> None:
    """Fill in what mean, deviation and density of depth of the samples say together."""
    facts.read, rows = len(depth), np.array(list(depth.values()), float).reshape(-1, 4)
    some = rows[:, 2] > 0
    if some.any():
        facts.mean_m, facts.std_m = map(float, rows[some, :2].mean(0))
        facts.density = float(rows[:, 2].mean())
    ratio = rows[:, 0] / np.median(rows[some, 0]) if some.any() else rows[:, 0]
    far = some & _is_beyond(ratio, UNIT_TOLERANCE)
    scales = rows[:, 3] / np.median(rows[some, 3]) if some.any() else rows[:, 3]
    for scale in np.unique(scales[some & _is_beyond(scales, _OTHER_SCALE)]):
        alike = some & (scales == scale)
        far |= alike & _is_beyond(np.median(ratio[alike]), SCALE_TOLERANCE)
    numbers = np.array(list(depth), int)
    for names, which in ((facts.empty, ~some), (facts.other_unit, far)):
        names += [dataset.get_data_info(int(number))['depth_path'] for number in numbers[which]]


def _is_beyond(ratio: np.ndarray, factor: float) -> np.ndarray:
    return (ratio > factor) | (ratio < 1 / factor)


def _looks_into(dataset: BaseDataset, chosen: Sequence[int], done: Mapping[str, dict]) -> Iterator[tuple]:
    """For each sample, in order, its key in ``done``, number, entry and what is found; several at a time."""

    def look(index: int) -> tuple[str, int, dict, dict]:
        entry = dataset.get_data_info(int(index))
        key = _key_of(entry, dataset.data_root)
        return key, int(index), entry, done[key] if key in done else _look_into(dataset, int(index))

    return map_in_threads(look, chosen)


def _key_of(entry: dict, root: str | Path) -> str:
    """A digest of all that is known of a sample but its number, and of the times of its files; folders may move."""
    times = [changed_ns(Path(path)) for name, path in entry.items() if name.endswith('_path') and path]
    known = {name: value for name, value in entry.items() if name != 'sample_idx'}
    known |= {name: os.path.relpath(path, root) for name, path in known.items() if name.endswith('_path') and path}
    content = json.dumps([known, times], default=lambda each: each.tolist())  # arrays
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def _look_into(dataset: BaseDataset, index: int) -> dict:
    """What JSON can hold of one sample: digest of the image, label counts, mean, deviation and density of depth."""
    results = dataset.get_data_info(index)
    try:
        results = LoadDepth()(LoadImage()(results))
        labels = LoadLabels()(results)['gt_seg_map'] if 'seg_map_path' in results else np.zeros(0, np.int64)
    except MMVDError as error:
        return dict(failure=str(error))
    camera, (height, width) = results.get('intrinsics'), results['img'].shape[:2]
    if camera is not None and not (0 < camera[0, 2] < width and 0 < camera[1, 2] < height):
        return dict(
            failure=f'{results["img_path"]}: its principal point {camera[0, 2]:.1f}, {camera[1, 2]:.1f} lies outside '
            f'of {width}x{height} pixels: the intrinsics of an image of another size?'
        )
    valid = results['depth'][results['depth'] > 0]
    mean, std = (float(valid.mean()), float(valid.std())) if valid.size else (0.0, 0.0)
    counts = np.stack(np.unique(labels, return_counts=True), 1).tolist()
    plain = (results['img'] == results['img'][0, 0]).all()  # as BlendedMVS has of places without a surface: no copies
    digest = '' if plain else hashlib.blake2b(results['img'].tobytes(), digest_size=16).hexdigest()
    return dict(digest=digest, labels=counts, depth=(mean, std, valid.size / results['depth'].size))
