"""What of the data is not in place, and who makes it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath

from mmengine.fileio import load

from mmvd.datasets.nesting import selected
from mmvd.errors import Missing
from mmvd.registry import DATASETS, find

from .configs import shipped_configs


def recipe_of(path: str, kind: str = 'weights') -> str:
    """What makes weights, or one of the ``folders``, that configs name; empty if the table does not tell.

    The table is ``configs/made_by.yml``.
    """
    recipes = load(str(shipped_configs() / 'made_by.yml'))[kind]
    return next((made_by for end, made_by in recipes.items() if PurePath(path).match(end)), '')


def missing_of(settings: dict) -> Missing | None:
    """What one dataset would miss; None if its files are there, or it reads none."""
    missing = getattr(find(DATASETS, settings['type']), 'missing', None)
    found = missing(settings) if missing else None
    return found and replace(found, made_by=found.made_by or recipe_of(str(settings.get('data_root')), 'folders'))


def missing_data(dataset: dict) -> Iterator[Missing]:
    """What a dataset config and those within it would miss."""
    parts, common = dataset.get('datasets'), dict(pipeline=dataset.get('pipeline', ()))
    if isinstance(parts, dict):
        for name, part in selected(parts, dataset.get('only')).items():
            yield from (replace(each, needed_by=f'dataset {name}') for each in missing_data({**common, **part}))
    elif parts:
        for part in parts:
            yield from missing_data({**common, **part})
    elif 'dataset' in dataset:
        yield from missing_data(dataset['dataset'])
    else:
        found = missing_of(dataset)
        if found:
            yield replace(found, needed_by=f'dataset {dataset["type"]}')
