#!/usr/bin/env python3
"""Read the datasets of a config and tell what they hold.

Counts, label histogram, depth statistics beside the paper's Table 6.
"""

import argparse
import sys
from pathlib import Path

from mmengine.config import Config

import mmvd  # noqa: F401  first: it arms the operator stand-ins
from mmvd.apis.data_configs import read_data_config
from mmvd.apis.missing_data import missing_of
from mmvd.apis.preparation import expectations
from mmvd.arguments import check_int
from mmvd.datasets.nesting import datasets_in
from mmvd.datasets.verdicts import format_facts
from mmvd.datasets.verification import examine
from mmvd.errors import ConfigError, exit_code
from mmvd.registry import DATASETS, find

ROOT = Path(__file__).parents[2]
EXAMINED = ('train_dataloader', 'val_dataloader')


def file_datasets(config: Config, root: Path | None) -> list[tuple[str, dict]]:
    """The datasets of a config that read files, with the name of their loader, in another folder if given.

    Raises:
        ConfigError: If none does.
    """
    parts = []
    for loader in filter(config.get, EXAMINED):  # a training may have no validation
        for part in datasets_in(config[loader].dataset):
            # a held-out share is one of the training set, which is read whole; rendered data read nothing
            if part.get('part') != 'holdout' and hasattr(find(DATASETS, part['type']), 'missing'):
                own = {key: value for key, value in part.items() if key != 'part'}
                parts.append((loader, dict(own, **({'data_root': str(root)} if root else {}))))
    if not parts:
        kinds = {
            node['type'] for loader in filter(config.get, EXAMINED) for node in datasets_in(config[loader].dataset)
        }
        raise ConfigError(
            f'{config.filename}: none of its datasets reads files through mmvd ({", ".join(sorted(kinds))}), there is '
            'nothing to verify'
        )
    return parts


def verify(path: Path, limit: int | None = None, root: Path | None = None) -> int:
    """Examine the training and validation sets of a config, in another folder if given.

    Returns how many samples could not be read.
    """
    if limit is not None:
        check_int('verify.py', '--limit', limit)
    config = read_data_config(path, EXAMINED)
    num_classes = ((config.get('model') or {}).get('head') or {}).get('num_classes')
    return sum(verify_part(loader, settings, limit, num_classes) for loader, settings in file_datasets(config, root))


def verify_part(label: str, settings: dict, limit: int | None, num_classes: int | None = None) -> int:
    """Examine one dataset, also for whether it is all there; returns how many samples could not be read."""
    missing = missing_of(settings)
    if missing:
        print(f'{label}: {missing}', file=sys.stderr)
        return 1
    dataset = DATASETS.build(dict(settings, pipeline=[]))
    facts = examine(dataset, limit, label=label)
    classes, expected = dataset.metainfo.get('classes', ()), expectations().get(getattr(dataset, 'TABLE_6', None))
    print(f'{label}: {format_facts(type(dataset).__name__, facts, classes, expected)}')
    counts = getattr(dataset, 'OFFICIAL_IMAGES', None)
    official = counts[EXAMINED.index(label)] if counts else facts.images
    if facts.images != official:
        print(f'  NOT THE OFFICIAL SET, which has {official} images')
    if facts.classes is not None and num_classes not in (None, len(classes)):
        print(f'  {len(classes)} CLASSES, but the head of the config has {num_classes}')
    return len(facts.failures)


def verify_root(name: str, root: Path) -> int:
    """Exit code of ``--verify`` of a converter.

    Examine the dataset of the segmentation and the classification config in a folder.
    """
    configs = [ROOT / f'configs/seg/m2f_vd_{name}.py', ROOT / f'configs/cls/linear84_vd_{name}.py']
    return 1 if sum(verify(path, root=root) for path in configs if path.is_file()) else 0


def main() -> int:
    """Parse the command line and verify; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--limit', type=int, help='most samples per split to read, spread evenly')
    args = parser.parse_args()
    return exit_code(lambda: 1 if verify(Path(args.config), args.limit) else 0)


if __name__ == '__main__':
    sys.exit(main())
