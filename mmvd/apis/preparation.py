"""The paper's fifteen datasets: their configs, and what Table 6 says of them."""

from mmengine.config import Config

from mmvd.errors import ConfigError

from .configs import read_config, shipped_configs

_LISTS = dict(vd_nine='nine', test_six='six')


def paper_datasets() -> dict[str, dict]:
    """Configs of the datasets by name: the nine of pretraining, then the six that only test."""
    folder, found = shipped_configs() / '_base_' / 'datasets', {}
    for file, name in _LISTS.items():
        found.update(read_config(folder / f'{file}.py')[name].to_dict())
    return found


def expectations() -> dict[str, dict]:
    """Rows of ``configs/datasets.yml``.

    Raises:
        ConfigError: If the table and the configs do not name the same datasets.
    """
    path = shipped_configs() / 'datasets.yml'
    table = Config.fromfile(path).to_dict()
    if set(table) != set(paper_datasets()):
        raise ConfigError(
            f'{path}: names other datasets than the configs: {sorted(set(table) ^ set(paper_datasets()))}'
        )
    return table
