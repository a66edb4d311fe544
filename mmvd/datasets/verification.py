"""What a converted dataset holds: counts, label histogram, depth statistics beside the paper's Table 6."""

import hashlib
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import get_rank, get_world_size
from mmengine.logging import MMLogger
from tqdm import tqdm

from mmvd.errors import DepthFileError, MMVDError, SampleError

from .archives import changed_ns, is_file
from .decoders import depth_shape
from .nesting import parts_of
from .rasters import check_upright, look_at_image
from .transforms.labels import IGNORE, LoadLabels
from .transforms.loading import LoadDepth, LoadImage

_SHOWN_FAILURES, _AT_ONCE = 5, 4096  # a pool keeps all that it was given until it is done
_COUNT_TOLERANCE = 0.99  # of the release's count; one download in a hundred may have failed
_SCALE_TOLERANCE = 2.0  # beyond this factor the unit is suspected
_UNIT_TOLERANCE = 100.0  # of one map beside the median: metres beside millimetres, not a wall beside a street
_MEAN_TOLERANCE, _STD_TOLERANCE, _DENSITY_TOLERANCE = 0.3, 0.6, 0.15


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
    other_unit: list[str] = field(default_factory=list)  # those whose mean is far from all others


def check_files(dataset) -> None:
    """Look at the files of every sample of a dataset that lists files, and of the datasets in it.

    Each process looks at its share.

    Depth and label files must exist, label maps must be readable, of the size of their image and within the classes,
    and depth maps must be what their decoder expects and have the size of their image. Images and depth PNGs are judged
    by their first and last bytes.

    Raises:
        DepthFileError: If depth files are missing and the pipeline does not allow that, or are not what their decoder
            expects.
        SampleError: If label files are missing or odd, or image, depth and label do not lie on each other.
    """
    for part in parts_of(dataset):
        if isinstance(part, BaseDataset):
            _check_files_of(part)


def _check_files_of(dataset: BaseDataset) -> None:
    kinds = {'seg_map_path': SampleError}
    loaders = [transform for transform in dataset.pipeline.transforms if isinstance(transform, LoadDepth)]
    if not any(loader.allow_missing_depth for loader in loaders):
        kinds['depth_path'] = DepthFileError
    own = range(get_rank(), len(dataset), get_world_size())
    MMLogger.get_current_instance().info(f'{type(dataset).__name__}: looking at the files of {len(own)} samples')
    for key, error in kinds.items():
        paths = (dataset.get_data_info(index).get(key) for index in own)
        missing = [path for path in paths if path and not is_file(path)]
        if missing:
            what = 'depth' if key == 'depth_path' else 'label'
            share = ' that this process looks at' if len(own) < len(dataset) else ''
            raise error(
                f'{missing[0]}: no such {what} file, {len(missing)} of {len(own)}{share} are missing'
                + (': make them, or set allow_missing_depth=True in mmvd.LoadDepth' if what == 'depth' else '')
            )
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(own), _AT_ONCE):
            list(pool.map(lambda index: _check_sample(dataset, index, loaders), own[start : start + _AT_ONCE]))


def _check_sample(dataset: BaseDataset, index: int, loaders: Sequence[LoadDepth]) -> None:
    entry = dataset.get_data_info(index)
    shape, is_turned = look_at_image(entry['img_path'])
    depth = entry.get('depth_path', '')
    turns_along = getattr(dataset, 'DEPTH_OF_TURNED_IMAGE', False)
    check_upright(is_turned and ('seg_map_path' in entry or (depth and not turns_along)), entry['img_path'])
    if depth and is_file(depth):  # what is said in the pipeline counts more than what the dataset says
        decoder = next(
            (loader.decoder for loader in loaders if loader.key == 'depth' and loader.decoder), entry.get('decoder')
        )
        found = depth_shape(depth, decoder, entry.get('depth_scale', 1.0))
        if found != shape and not (entry.get('resize_image') or any(loader.resize_image for loader in loaders)):
            raise SampleError(
                f'{depth}: depth is {found} but {entry["img_path"]} is {shape}: register them, or set resize_image=True'
            )
    if 'seg_map_path' in entry:
        LoadLabels()(dict(entry, ori_shape=shape))


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
        done: Samples that were read before, by number and time of their files; gets each new one.
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
    for key, index, pair, found in tqdm(looks, label or type(dataset).__name__, len(chosen), unit=' samples'):
        if 'failure' not in found:  # which may be mended before the next call
            done[key] = found
        if 'failure' in found:
            facts.failures.append(found['failure'])
        else:
            first, twice = seen.setdefault(found['digest'] or pair[0], pair), pair in pairs
            pairs.add(pair)
            if twice or first[0] != pair[0]:  # two maps may belong to one image
                facts.duplicates.append(f'{pair[0]} is {first[0]}')
            for label, count in found['labels']:
                histogram[label] += count
            depth[index] = found['depth']
    _sum_up(facts, dataset, depth)
    facts.histogram = histogram if histogram.any() else None
    return facts


def _sum_up(facts: DatasetFacts, dataset: BaseDataset, depth: dict[int, tuple]) -> None:
    """Fill in what mean, deviation and density of depth of the samples say together."""
    facts.read, rows = len(depth), np.array(list(depth.values()), float).reshape(-1, 3)
    some = rows[:, 2] > 0
    if some.any():
        facts.mean_m, facts.std_m = map(float, rows[some, :2].mean(0))
        facts.density = float(rows[:, 2].mean())
    ratio = rows[:, 0] / np.median(rows[some, 0]) if some.any() else rows[:, 0]
    far = some & ((ratio > _UNIT_TOLERANCE) | (ratio < 1 / _UNIT_TOLERANCE))
    numbers = np.array(list(depth), int)
    for names, which in ((facts.empty, ~some), (facts.other_unit, far)):
        names += [dataset.get_data_info(int(number))['depth_path'] for number in numbers[which]]


def _looks_into(dataset: BaseDataset, chosen: Sequence[int], done: Mapping[str, dict]) -> Iterator[tuple]:
    """For each sample, in order, its key in ``done``, number, image and depth, what is found; several at a time."""

    def look(index: int) -> tuple[str, int, tuple, dict]:
        entry = dataset.get_data_info(int(index))
        key = f'{index} {[changed_ns(Path(path)) for name, path in sorted(entry.items()) if name.endswith("_path")]}'
        found = done[key] if key in done else _look_into(dataset, int(index))
        return key, int(index), (entry['img_path'], entry.get('depth_path')), found

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(chosen), _AT_ONCE):
            yield from pool.map(look, chosen[start : start + _AT_ONCE])


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


def judge(facts: DatasetFacts, expected: dict) -> list[tuple[bool, str]]:
    """Whether what was read is the dataset that the paper describes, rule by rule.

    Args:
        facts: What was read.
        expected: ``mean_m``, ``std_m``, ``density`` and ``thousands`` of images, as Table 6 has them, and ``images`` of
            the release; ``scale='of each scene'`` where depth has no common unit.

    Returns:
        For each rule whether it holds, and a line for people. Tolerances are choices of this implementation, wide,
        because the paper does not say which split and which pixels it measured; they catch a wrong unit.
    """
    return [*_rules_of_files(facts, expected), *_rules_of_depth(facts, expected)]


def _rules_of_files(facts: DatasetFacts, expected: dict) -> list[tuple[bool, str]]:
    return [
        (not facts.failures, f'readable: {len(facts.failures)} samples are not{_first(facts.failures)}'),
        (not facts.duplicates, f'distinct: {len(facts.duplicates)} images are there twice{_first(facts.duplicates)}'),
        (
            facts.images >= _COUNT_TOLERANCE * expected['images'],
            f'images: {facts.images} (of the release at least {expected["images"]}; Table 6, of all its parts: '
            f'{expected["thousands"]} thousand)',
        ),
        (
            len(facts.empty) <= (1 - _COUNT_TOLERANCE) * facts.read,
            f'depth: {len(facts.empty)} maps of {facts.read} have none{_first(facts.empty)}',
        ),
        (
            expected.get('scale') == 'of each scene' or not facts.other_unit,
            f'one unit: {len(facts.other_unit)} maps differ from the median by more than '
            f'{_UNIT_TOLERANCE:.0f} times{_first(facts.other_unit)}',
        ),
    ]


def _rules_of_depth(facts: DatasetFacts, expected: dict) -> list[tuple[bool, str]]:
    mean, std, density = (expected[key] for key in ('mean_m', 'std_m', 'density'))
    ratio = facts.mean_m / mean
    right = 1 / _SCALE_TOLERANCE <= ratio <= _SCALE_TOLERANCE
    hint = '' if right else f': {ratio:.3g} times that of the table, a wrong unit or depth scale?'
    return [
        (right, f'depth scale: mean {facts.mean_m:.3g} m{hint}'),
        (
            abs(ratio - 1) <= _MEAN_TOLERANCE,
            f'mean: {facts.mean_m:.2f} m (Table 6: {mean} m, within {_MEAN_TOLERANCE:.0%})',
        ),
        (
            abs(facts.std_m / std - 1) <= _STD_TOLERANCE,
            f'deviation: {facts.std_m:.2f} m (Table 6: {std} m, within {_STD_TOLERANCE:.0%})',
        ),
        (
            abs(facts.density - density) <= _DENSITY_TOLERANCE,
            f'density: {facts.density:.0%} (Table 6: {density:.0%}, within {100 * _DENSITY_TOLERANCE:.0f} points)',
        ),
    ]


def _first(texts: Sequence[str]) -> str:
    return f', first {texts[0]}' if texts else ''


def format_facts(name: str, facts: DatasetFacts, classes: Sequence[str] = (), expected: dict | None = None) -> str:
    """Lines for people; ``expected`` as :func:`judge` takes it."""
    paper = '{mean_m} +- {std_m} m, {density:.0%}'.format_map(expected) if expected else ''
    beside = f"   (the paper's Table 6: {paper})" if paper else ''
    lines = [
        f'{name}: {facts.images} images, depth {facts.mean_m:.2f} +- {facts.std_m:.2f} m, {facts.density:.0%} of the '
        f'pixels{beside}'
    ]
    if facts.histogram is not None:
        known = max(facts.histogram[:IGNORE].sum(), 1)
        lines.append(
            f'  unlabelled: {facts.histogram[IGNORE] / facts.histogram.sum():.1%} of the pixels; shares of the '
            'labelled ones:'
        )
        cells = [f'{label} {facts.histogram[index] / known:.2%}' for index, label in enumerate(classes)]
        lines += ['    ' + ', '.join(cells[start : start + 8]) for start in range(0, len(cells), 8)]
    if facts.classes is not None:
        cells = [f'{label} {count}' for label, count in zip(classes, facts.classes, strict=True)]
        lines += ['    ' + ', '.join(cells[start : start + 8]) for start in range(0, len(cells), 8)]
    lines += [f'  {len(facts.empty)} maps without depth{_first(facts.empty)}'] if facts.empty else []
    lines += [f'  {len(facts.other_unit)} maps in another unit{_first(facts.other_unit)}'] if facts.other_unit else []
    lines += [f'  FAILED {text}' for text in facts.failures[:_SHOWN_FAILURES]]
    if facts.failures:
        lines.append(f'  {len(facts.failures)} samples could not be read')
    return '\n'.join(lines)
