"""Datasets within datasets: in a config, and when they are built."""

from collections.abc import Iterator


def datasets_in(node: object) -> Iterator[dict]:
    """A dataset config and those within it."""
    if isinstance(node, dict):
        yield node
        parts = node.get('datasets') or ()
        for part in (node.get('dataset'), *(parts.values() if isinstance(parts, dict) else parts)):
            yield from datasets_in(part)


def parts_of(dataset) -> list:
    """The datasets in a concatenation, or the dataset itself."""
    return list(getattr(dataset, 'datasets', [dataset]))
