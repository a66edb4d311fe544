"""What was read of a dataset beside what the paper's Table 6 says: rules for ``--verify``, and lines for people."""

from collections.abc import Sequence

from .transforms.labels import IGNORE
from .verification import SCALE_TOLERANCE, UNIT_TOLERANCE, DatasetFacts

_SHOWN_FAILURES = 5
_COUNT_TOLERANCE = 0.99  # of the release's count; one download in a hundred may have failed
_SCALE_TOLERANCE = 2.0  # beyond this factor the unit is suspected
_MEAN_TOLERANCE, _STD_TOLERANCE, _DENSITY_TOLERANCE = 0.3, 0.6, 0.15


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
            f'one unit: {len(facts.other_unit)} maps differ from the median by more than {UNIT_TOLERANCE:.0f} times, '
            f'or with all of their depth scale by more than {SCALE_TOLERANCE:.0f}{_first(facts.other_unit)}',
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


def named(facts: DatasetFacts, failing: Sequence[str]) -> list[str]:
    """A line for each sample that one of the failing rules is about."""
    lists = dict(readable=facts.failures, distinct=facts.duplicates, depth=facts.empty)
    lists['one unit'] = facts.other_unit
    return [f'{rule}: {text}' for rule, texts in lists.items() if rule in failing for text in texts]


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
