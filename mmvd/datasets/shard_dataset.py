"""Samples in tar shards, for file systems on which a million small files are slow."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from mmvd.errors import ConfigError, Missing, MissingInputsError, SampleError
from mmvd.registry import DATASETS

from .archives import archives_in, open_archive, read_bytes
from .cameras import check_pinhole
from .decoders import get_decoder
from .rgbd_dataset import RGBDDataset

ABOUT, _KEYS = 'shards.json', ('metainfo', 'decoder', 'samples')


def read_about(path: Path) -> dict:
    """What is written beside shards: ``metainfo``, ``decoder``, ``samples``, and what was packed how.

    Raises:
        SampleError: If it is damaged, or the decoder is unknown.
    """
    try:
        about = json.loads(path.read_bytes())
        metainfo, decoder, _ = (about[key] for key in _KEYS)
        if not isinstance(metainfo, dict):
            raise TypeError(f'metainfo is {metainfo!r}')
        get_decoder(decoder)
    except (ValueError, KeyError, TypeError, RecursionError, ConfigError) as error:
        raise SampleError(
            f'{path}: not written by tools/dataset_converters/shards.py ({error!r}): delete it and its shards, '
            'and pack again'
        ) from error
    return about


@DATASETS.register_module()
class ShardDataset(RGBDDataset):
    """Samples that ``tools/dataset_converters/shards.py`` packed in the layout of WebDataset.

    Each is ``KEY.json``, the entry of the dataset that was packed, and the files that it names, ``KEY.img.jpg``,
    ``KEY.depth.png``, ... They are read by their place in the shards, in any order: order, workers, ranks and resuming
    are those of every other dataset.

    Args:
        data_root: Folder of the shards.
        **kwargs: As in :class:`mmengine.dataset.BaseDataset`.

    Raises:
        MissingInputsError: If there are no shards.
        SampleError: If one is damaged.
    """

    def __init__(self, data_root: str, **kwargs: Any):
        path = Path(data_root) / ABOUT
        if not path.is_file():
            raise MissingInputsError(f'{path}: no such file: it is written when all shards are')
        about = read_about(path)
        metainfo, decoder, self.samples = (about[key] for key in _KEYS)
        unused = dict(images='*.tar', depth_from=('tar$', 'none'))
        super().__init__(data_root, decoder, **unused, metainfo={**metainfo, **kwargs.pop('metainfo', {})}, **kwargs)

    @classmethod
    def _missing(cls, config: dict) -> Missing | None:
        path = Path(config['data_root']) / ABOUT
        return None if path.is_file() else Missing(str(path))

    def load_data_list(self) -> list[dict]:
        """List the samples of all shards."""
        entries = []
        for shard in archives_in(Path(self.data_root)):
            files: dict[str, dict] = {}
            for name in open_archive(shard).names():
                key, _, part = name.partition('.')
                files.setdefault(key, {})[part.partition('.')[0]] = name
            entries += [self._packed(shard, parts) for _, parts in sorted(files.items())]
        if len(entries) != self.samples:
            raise MissingInputsError(
                f'{self.data_root}: {len(entries)} samples where {ABOUT} tells of {self.samples}: a shard is missing, '
                'pack the dataset again'
            )
        return entries

    @staticmethod
    def _packed(shard: Path, parts: dict[str, str]) -> dict:
        try:
            entry = dict(json.loads(read_bytes(shard / parts.pop('json'))))
            if 'intrinsics' in entry:
                matrix = np.array(entry['intrinsics'], np.float32).reshape(3, 3)
                entry['intrinsics'] = check_pinhole(matrix, 'intrinsics')
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, ConfigError) as error:
            raise SampleError(f'{shard}: a sample without a readable entry ({error!r}), pack it again') from error
        return entry | {f'{part}_path': str(shard / name) for part, name in parts.items()}
