"""Datasets within datasets, and transforms within transforms: in a config, and when they are built."""

from collections.abc import Iterable, Iterator, Sequence

from mmvd.errors import ConfigError


def selected(datasets: dict[str, dict], only: str | Sequence[str] | None) -> dict[str, dict]:
    """The named datasets, or all of them.

    Raises:
        ConfigError: If one of the names is unknown.
    """
    names = [only] if isinstance(only, str) else list(only or datasets)
    unknown = [name for name in names if name not in datasets]
    if unknown:
        raise ConfigError(f'only={names}: there is no dataset {", ".join(unknown)}, choose among {", ".join(datasets)}')
    return {name: datasets[name] for name in names}


def datasets_in(node: object) -> Iterator[dict]:
    """A dataset config and those within it, of a mixture those that its ``only`` names.

    Raises:
        ConfigError: If a mixture has no dataset of such a name.
    """
    if isinstance(node, dict):
        yield node
        parts = node.get('datasets') or ()
        parts = selected(parts, node.get('only')).values() if isinstance(parts, dict) else parts
        for part in (node.get('dataset'), *parts):
            yield from datasets_in(part)


def steps_in(pipeline: Iterable | None) -> Iterator:
    """Transforms of a pipeline and those within them (``Compose`` and its like), as configs or as they were built."""
    for step in pipeline or ():
        if isinstance(step, (list, tuple)):  # of a choice between pipelines
            yield from steps_in(step)
            continue
        yield step
        inner = step.get('transforms') if isinstance(step, dict) else getattr(step, 'transforms', None)
        yield from steps_in([inner] if isinstance(inner, dict) else inner)


def flat(pipeline: Iterable[dict]) -> Iterator[dict]:
    """Configs of the steps of a pipeline, those of ``Compose`` in its place."""
    for step in pipeline:
        if step['type'].rpartition('.')[2] == 'Compose':
            inner = step['transforms']
            yield from flat([inner] if isinstance(inner, dict) else inner)
        else:
            yield step


def parts_of(dataset) -> list:
    """The innermost datasets of a concatenation or a wrapper, or the dataset itself."""
    inner = getattr(dataset, 'datasets', [dataset.dataset] if hasattr(dataset, 'dataset') else ())
    return [part for each in inner for part in parts_of(each)] if inner else [dataset]
