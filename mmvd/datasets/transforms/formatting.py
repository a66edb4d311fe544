"""From a pipeline's results to what the data preprocessors read."""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import BaseDataElement

from mmvd.datasets.cameras import camera_fits
from mmvd.datasets.sample_key import known_sample_key
from mmvd.errors import ConfigError, SampleError
from mmvd.registry import TRANSFORMS

_MAPS = ('depth', 'gt_depth', 'removed_mask')
_LABEL = 255  # with which mmseg fills what it knows nothing of


def _to_tensor(array: np.ndarray) -> torch.Tensor:
    """(H, W) or (H, W, C) -> (1 or C, H, W)."""
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(array))


def _check_moves(results: dict) -> None:
    """Refuse a sample whose image and depth were moved or filled differently, where a transform left a trace of it."""
    (read, has_label), moved = results.get('depth_read', (None, True)), results.get('homography_matrix')
    # mmseg's flip moves seg_fields, and depth with them; those of mmcv, mmpretrain and mmdet leave it where it was
    left = 'swap_seg_labels' not in results or results['depth'] is read
    if results.get('flip') and not results.get('depth_flip') and left:
        wrong = 'RandomFlip of the host mirrored the image and not its depth: use mmvd.RGBDRandomFlip'
    elif moved is not None and np.any(moved != np.diag(np.diag(moved))):  # no mere resize
        wrong = 'a transform of mmdet cut, turned or moved the image and not its depth: use those of mmvd'
    elif not has_label and (results['depth'] == _LABEL).any():
        wrong = f'a transform of mmseg filled depth with its label {_LABEL}: use mmvd.RGBDRandomRotate'
    else:
        return
    raise SampleError(f'{results.get("img_path")}: {wrong}')


@TRANSFORMS.register_module()
class PackRGBDInputs(BaseTransform):
    """Pack image, depth and meta information.

    Required Keys: img (H, W, 3) uint8 BGR, depth (H, W) metres or (H, W, C) encoded, gt_depth (optional), removed_mask
        (optional)

    Added Keys: inputs (3, H, W) uint8, depth (C, H, W) float32, data_samples, and gt_depth (1, H, W) and removed_mask
        (1, H, W) where they exist. The meta information gets ``missing_depth``, ``intrinsics`` (and
        ``camera_left_behind`` if a transform of the host moved the image and not them), ``depth_sensor``,
        ``range_factor`` of depth that was encoded in the pipeline, and the random ``sample_key`` of the sample if it
        has one, or else its ``sample_idx``; without either it comes from a host's inference function, which batches
        inputs and samples alone, and gets ``carried_depth``, its depth.

    Args:
        packer: Config of the host's packer, e.g. ``dict(type='mmseg.PackSegInputs')``, which then makes inputs and
            data_samples.
        meta_keys: Keys to keep as meta information; only without a packer.

    Raises:
        SampleError: If the image is not (H, W, 3) uint8, image and depth differ in size, or a transform of a host left
            a trace of having moved one without the other, or of having filled depth.
        ConfigError: If there is no depth.
    """

    def __init__(
        self,
        packer: dict | None = None,
        meta_keys: Sequence[str] = ('img_path', 'depth_path', 'ori_shape', 'img_shape', 'flip'),
    ):
        self.packer = TRANSFORMS.build(packer) if packer else None
        if isinstance(meta_keys, str):
            raise ConfigError(f'PackRGBDInputs: meta_keys must be a list of names, got {meta_keys!r}')
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack one sample."""
        if results.get('depth') is None:
            raise ConfigError('PackRGBDInputs: the sample has no depth: put mmvd.LoadDepth into the pipeline')
        shape = self._check_image(results)
        maps = {key: _to_tensor(results[key]) for key in _MAPS if results.get(key) is not None}
        for key, tensor in maps.items():
            if tuple(tensor.shape[-2:]) != shape:
                raise SampleError(
                    f'{results.get("img_path")}: {key} is {tuple(tensor.shape[-2:])} but the image is {shape}: a '
                    'transform moved one without the other, use the joint transforms of mmvd'
                )
        _check_moves(results)
        packed = self.packer(results) if self.packer else self._pack(results)
        key, number = known_sample_key(results), results.get('sample_idx')
        about = dict(
            sample_key=key,
            sample_idx=None if key is not None or number is None else int(number),
            range_factor=results.get('range_factor'),
            intrinsics=results.get('intrinsics'),
            depth_sensor=results.get('depth_sensor'),
        )
        if results.get('intrinsics') is not None and not camera_fits(results):
            about['camera_left_behind'] = True
        known = {name: value for name, value in about.items() if value is not None}
        packed['data_samples'].set_metainfo(dict(known, missing_depth=results.get('missing_depth', False)))
        # no dataset: a host's inference function, which batches inputs and samples alone
        if 'sample_idx' not in results:
            packed['data_samples'].set_metainfo(dict(carried_depth=maps['depth']))
        packed.update(maps)
        return packed

    @staticmethod
    def _check_image(results: dict) -> tuple[int, int]:
        img = results['img']
        if img.dtype != np.uint8 or img.ndim != 3 or img.shape[2] != 3 or not img.size:
            remedy = 'load it with mmvd.LoadImage, which reads 8-bit colour alone'
            if img.dtype.kind == 'f':
                remedy = 'a transform of the host may have made it so, use mmvd.RandomColorJitter and its like'
            raise SampleError(
                f'{results.get("img_path")}: the image is {img.shape} {img.dtype} where (H, W, 3) uint8 is expected: '
                f'{remedy}'
            )
        return img.shape[:2]

    def _pack(self, results: dict) -> dict:
        sample = BaseDataElement(metainfo={key: results[key] for key in self.meta_keys if key in results})
        return dict(inputs=_to_tensor(results['img']), data_samples=sample)
