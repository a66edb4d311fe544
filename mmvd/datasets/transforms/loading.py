"""Loading image and depth."""

import re
from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmvd.arguments import check_choice, check_flag, check_substitution
from mmvd.datasets.archives import is_file
from mmvd.datasets.cameras import camera_fits, note_camera, rescale_intrinsics
from mmvd.datasets.decoders import get_decoder, read_depth
from mmvd.datasets.rasters import check_upright, is_turned, read_image, shown
from mmvd.errors import ConfigError, SampleError
from mmvd.registry import TRANSFORMS

from .geometry import resize_map, same_field
from .instances import move_instances


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Read the image of a sample; strict where mmcv's ``LoadImageFromFile`` is silent.

    Damaged JPEGs, which other decoders fill with grey, 16-bit images, animations and images that EXIF data turn away
    from their depth are errors that name the file.

    Required Keys: img_path, depth_of_turned_image (optional), may_be_cmyk (optional)

    Added Keys: img (H, W, 3) uint8 in OpenMMLab's BGR order, img_shape, ori_shape, image_turned (by its EXIF data)

    Raises:
        SampleError: If the image cannot be read, or EXIF data turn it but not its depth and labels.
    """

    def transform(self, results: dict) -> dict:
        """Add the image."""
        path = results['img_path']
        img, turned = read_image(path, allow_cmyk=results.get('may_be_cmyk', False))
        has_others = 'seg_map_path' in results or ('depth_path' in results and not results.get('depth_of_turned_image'))
        check_upright(turned and has_others, shown(path))
        results.update(img=img, img_shape=img.shape[:2], ori_shape=img.shape[:2], image_turned=turned)
        return results


@TRANSFORMS.register_module()
class LoadDepth(BaseTransform):
    """Read the depth file of a sample as metres.

    Required Keys: depth_path (or img_path, with ``depth_from``), decoder (optional if given here), depth_scale
        (optional), resize_image (optional), img (optional), image_turned (optional), depth_of_turned_image (optional)

    Modified Keys: img, img_shape, gt_bboxes, gt_masks, intrinsics, scale_factor, camera_of (only with ``resize_image``)

    Added Keys: depth, (H, W) float32 metres, 0 = missing; depth_read, the same and whether it holds 255 m, for
        mmvd.PackRGBDInputs; missing_depth; seg_fields (the key is added for mmseg's transforms)

    Args:
        decoder: Name of the format; overrides the dataset's.
        key: Where the depth goes: ``depth``, or ``gt_depth`` for a separate target, then read from ``gt_depth_path``.
        resize_image: Whether an image of another size, but the same aspect ratio, is brought to the size of the depth
            map (ScanNet, phones); the dataset may ask for it as well. Depth is never resized here. Otherwise a mismatch
            is an error.
        depth_from: ``(pattern, replacement)`` for :func:`re.sub` on ``img_path`` where the dataset is a host's and
            gives no ``depth_path``.
        depth_of_turned_image: Whether depth files were made from images as their EXIF data turn them (predicted depth),
            where the dataset does not say so.
        allow_missing_depth: Whether an image whose depth file does not exist gets an empty map;
            ``mmvd.SampleCountHook`` counts them.

    Raises:
        DepthFileError: If the file cannot be read as its decoder expects.
        SampleError: If image and depth differ in size, or EXIF data turn the image alone.
        ConfigError: If the decoder is unknown, or the sample names no depth file.
    """

    def __init__(
        self,
        decoder: str | None = None,
        key: str = 'depth',
        resize_image: bool = False,
        allow_missing_depth: bool = False,
        depth_from: Sequence[str] | None = None,
        depth_of_turned_image: bool = False,
    ):
        if decoder is not None:
            get_decoder(decoder)
        check_choice('LoadDepth', 'key', key, ('depth', 'gt_depth'))
        check_flag('LoadDepth', 'resize_image', resize_image)
        check_flag('LoadDepth', 'allow_missing_depth', allow_missing_depth)
        self.depth_of_turned_image = check_flag('LoadDepth', 'depth_of_turned_image', depth_of_turned_image)
        if depth_from is not None:
            check_substitution('LoadDepth', 'depth_from', depth_from)
        self.depth_from = depth_from
        self.decoder, self.key, self.resize_image, self.allow_missing_depth = (
            decoder,
            key,
            resize_image,
            allow_missing_depth,
        )

    def transform(self, results: dict) -> dict:
        """Add the depth map."""
        path = self._path(results)
        is_missing = self.allow_missing_depth and not is_file(path)
        results['missing_depth'] = is_missing or results.get('missing_depth', False)
        if is_missing:
            depth = np.zeros(results['img'].shape[:2], np.float32)
        else:
            self._check_upright(results)
            depth = read_depth(path, self._decoder(results), results.get('depth_scale'))
        if 'img' in results and results['img'].shape[:2] != depth.shape:
            if not (self.resize_image or results.get('resize_image')):
                raise SampleError(
                    f'{path}: depth is {depth.shape[1]}x{depth.shape[0]} but {results.get("img_path")} is '
                    f'{results["img"].shape[1]}x{results["img"].shape[0]}: register them, or set resize_image=True'
                )
            self._match_image(results, depth.shape)
        results[self.key] = depth
        if self.key == 'depth':
            results['depth_read'] = depth, bool((depth == 255).any())
        fields = results.setdefault('seg_fields', [])
        if self.key not in fields:
            fields.append(self.key)
        return results

    def _check_upright(self, results: dict) -> None:
        image = results.get('img_path')
        if image is None or self.depth_of_turned_image or results.get('depth_of_turned_image'):
            return
        if 'image_turned' not in results:  # a host's transform does not tell
            results['image_turned'] = is_turned(image)
        check_upright(results['image_turned'], shown(image))

    def _path(self, results: dict) -> str:
        path = results.get(f'{self.key}_path')
        if path is None and self.depth_from and results.get('img_path'):
            path = re.sub(*self.depth_from, results['img_path'])
        if path is None or path == results.get('img_path'):
            raise ConfigError(
                f'LoadDepth: no {self.key}_path beside the image: give LoadDepth(depth_from=...), which fits its '
                'path, or '
                'predict with RGBDSegInferencer, RGBDClassificationInferencer or DepthCompletionInferencer of '
                'mmvd.apis, '
                "which take image and depth; the hosts' inference_model hands over the image alone"
            )
        return path

    def _decoder(self, results: dict) -> str:
        decoder = self.decoder or results.get('decoder')
        if decoder is None:
            raise ConfigError('LoadDepth: the dataset names no decoder of its depth files: give LoadDepth(decoder=...)')
        return decoder

    @staticmethod
    def _match_image(results: dict, shape: tuple[int, int]) -> None:
        height, width = results['img'].shape[:2]
        if not same_field((height, width), shape):
            raise SampleError(
                f'{results.get("img_path")}: {width}x{height} has another aspect ratio than its depth, '
                f'{shape[1]}x{shape[0]}: they show different fields of view, register them'
            )
        x, y, fits = shape[1] / width, shape[0] / height, camera_fits(results)
        before = results.get('scale_factor', (1.0, 1.0))
        results['img'] = cv2.resize(results['img'], shape[::-1], interpolation=cv2.INTER_AREA)
        results.update(img_shape=shape, scale_factor=(before[0] * x, before[1] * y))
        note_camera(results, fits)
        move_instances(results, rescale_intrinsics(np.eye(3), x, y), lambda a, fill: resize_map(a, shape))
        results['boxes_come_late'] = 'gt_bboxes' not in results and 'gt_masks' not in results
        if 'intrinsics' in results:
            results['intrinsics'] = rescale_intrinsics(results['intrinsics'], x, y)
