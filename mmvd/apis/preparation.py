"""The paper's fifteen datasets: their configs, what Table 6 says of them, and what of them is here."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from mmvd.datasets.index import index_path, open_index
from mmvd.datasets.rgbd_dataset import RGBDDataset
from mmvd.errors import MADE_BY, ConfigError, MMVDError
from mmvd.registry import DATASETS

from .configs import read_config, shipped_configs
from .data_configs import LOADERS, datasets_in
from .preflight import missing_inputs

_LISTS = dict(vd_nine='nine', test_six='six', nyuv2_raw='further')
_PROMISED = ('vd/pretrain_*', 'seg/*', 'cls/*', 'det/*', 'pose/*', 'completion/*')


def paper_datasets() -> dict[str, dict]:
    """Configs of the datasets by name: the nine of pretraining, the six that only test, and NYUv2's raw sequences."""
    folder, found = shipped_configs() / '_base_' / 'datasets', {}
    for file, name in _LISTS.items():
        found.update(read_config(folder / f'{file}.py')[name].to_dict())
    return found


def listed_datasets(config: Config) -> list[dict]:
    """Configs of the datasets of files that a config reads, each once, whatever its pipeline is."""
    nodes = (node for loader in LOADERS for node in datasets_in((config.get(loader) or {}).get('dataset')))
    found = [dict(node, pipeline=[]) for node in nodes if issubclass(DATASETS.get(node['type']), RGBDDataset)]
    return list({str(node): node for node in found}.values())


def expectations() -> dict[str, dict]:
    """Rows of ``configs/datasets.yml``.

    Raises:
        ConfigError: If the table and the configs do not name the same datasets.
    """
    path = shipped_configs() / 'datasets.yml'
    table = read_config(path).to_dict()
    differ = set(table) ^ set(paper_datasets())
    if differ:
        raise ConfigError(f'{path}: names other datasets than the configs: {", ".join(sorted(differ))}')
    return table


def status() -> Iterator[str]:
    """Lines for people: which datasets are here and prepared, what each shipped recipe still needs, who makes that."""
    yield 'Datasets of the paper:'
    named, made_by, expected = {}, defaultdict(set), expectations()
    for name, settings in paper_datasets().items():
        missing = _missing(settings)
        if missing:
            named[_place(missing)] = name
        told = f'not here: {missing}; ask: {expected[name]["ask"]}' if missing else _state(name, settings)
        yield f'  {name:<14}{told}'
    yield 'Recipes (training; test for completion):'
    for pattern in _PROMISED:
        for path in sorted(shipped_configs().glob(f'{pattern}.py')):
            lines = _missing_of_recipe(path, training=not pattern.startswith('completion'))
            for line in (line for line in lines if MADE_BY in line and _place(line) not in named):
                made_by[line.split(MADE_BY)[1]].add(_place(line))
            needs = ', '.join(dict.fromkeys(named.get(_place(line), _place(line)) for line in lines))
            recipe = path.relative_to(shipped_configs()).with_suffix('').as_posix()
            yield f'  {recipe:<40}{f"needs {needs}" if needs else "ready"}'
    if made_by:
        yield 'Made by:'
    yield from (f'  {", ".join(sorted(places))}: {recipe}' for recipe, places in made_by.items())


def _missing(settings: dict) -> str | None:
    try:
        return DATASETS.get(settings['type']).missing(settings)
    except MMVDError as error:
        return str(error)


def _missing_of_recipe(path: Path, training: bool) -> list[str]:
    try:
        return missing_inputs(read_config(path), training)
    except MMVDError as error:
        return [str(error)]


def _place(missing: str) -> str:
    """The path in what is told of something missing."""
    return re.sub(r'^(weights |dataset [^:]+: |evaluation: )| \(no such .*', '', missing)


def _state(name: str, settings: dict) -> str:
    try:
        dataset = DATASETS.build(dict(settings, pipeline=[], lazy_init=True))
        root = Path(dataset.data_root)
        entries = open_index(root, dataset.settings)
    except MMVDError as error:
        return str(error)
    if entries is None:
        return f'here, not prepared: python tools/dataset_converters/prepare.py {name} --root {root}'
    left_out = f', {entries.told_left_out()}' if entries.left_out['count'] else ''
    return f'{len(entries)} samples, {index_path(root, dataset.settings)}{left_out}'
