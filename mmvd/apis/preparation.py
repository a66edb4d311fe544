"""The paper's fifteen datasets: their configs, what Table 6 says of them, and what of them is here."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from mmvd.datasets.index import open_index
from mmvd.datasets.nesting import datasets_in
from mmvd.datasets.rgbd_dataset import RGBDDataset
from mmvd.errors import ConfigError, Missing, MMVDError
from mmvd.registry import DATASETS, find

from .configs import read_config, shipped_configs
from .data_configs import LOADERS
from .missing_data import missing_of
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
    found = [dict(node, pipeline=[]) for node in nodes if issubclass(find(DATASETS, node['type']), RGBDDataset)]
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
    names, expected = {}, expectations()
    for name, settings in paper_datasets().items():
        missing = _missing(settings)
        if missing:
            names[missing.place] = name
        told = f'not here: {missing}; ask: {expected[name]["ask"]}' if missing else _state(name, settings)
        yield f'  {name:<14}{told}'
    yield from _status_of_recipes(names)


def _status_of_recipes(names: dict[str, str]) -> Iterator[str]:
    """``names`` are those of the paper's datasets that are not here, by what is missing of them."""
    yield 'Recipes (training; test for completion):'
    makers = defaultdict(set)
    for pattern in _PROMISED:
        for path in sorted(shipped_configs().glob(f'{pattern}.py')):
            recipe = path.relative_to(shipped_configs()).with_suffix('').as_posix()
            try:
                missing = missing_inputs(read_config(path), training=not pattern.startswith('completion'))
            except MMVDError as error:
                yield f'  {recipe:<40}cannot be read: {error}'
                continue
            for each in missing:
                if each.made_by and each.place not in names:
                    makers[each.made_by].add(each.place)
            needs = ', '.join(dict.fromkeys(names.get(each.place, each.place) for each in missing))
            yield f'  {recipe:<40}{f"needs {needs}" if needs else "ready"}'
    if makers:
        yield 'Made by:'
    yield from (f'  {", ".join(sorted(places))}: {made_by}' for made_by, places in makers.items())


def _missing(settings: dict) -> Missing | None:
    try:
        return missing_of(settings)
    except MMVDError as error:
        return Missing(settings['data_root'], str(error))


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
    return f'{len(entries)} samples, {entries.path}{left_out}'
