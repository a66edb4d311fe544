"""Joint crops: image, depth, labels and intrinsics keep the same window."""

import numpy as np

from mmvd.arguments import check_choice, check_flag, check_int, check_range, check_share, check_size
from mmvd.datasets.cameras import rescale_intrinsics
from mmvd.datasets.sample_key import generator_of
from mmvd.errors import ConfigError
from mmvd.registry import TRANSFORMS

from .geometry import INTERPOLATIONS, JointTransform, resize_image, resize_map, shift
from .validity import check_metres


@TRANSFORMS.register_module()
class RGBDRandomCrop(JointTransform):
    """Crop a window of a fixed size, as mmseg's ``RandomCrop`` does.

    A smaller image stays as it is, the data preprocessor pads it.

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        gt_bboxes (optional), gt_masks (optional), intrinsics (optional)

    Modified Keys: those, img_shape, camera_of

    Args:
        size: (height, width) in pixels.
        cat_max_ratio: Largest share that one class may take of the labelled pixels; ten windows are tried, the last one
            is taken.
        ignore_index: Label that does not count.
    """

    def __init__(self, size: tuple[int, int], cat_max_ratio: float = 1.0, ignore_index: int = 255):
        self.size = check_size('RGBDRandomCrop', 'size', size)
        self.cat_max_ratio = check_share('RGBDRandomCrop', 'cat_max_ratio', cat_max_ratio)
        self.ignore_index = check_int('RGBDRandomCrop', 'ignore_index', ignore_index, 0)

    def transform(self, results: dict) -> dict:
        """Crop everything."""
        if self.cat_max_ratio < 1 and 'gt_seg_map' not in results:
            raise ConfigError('RGBDRandomCrop: cat_max_ratio asks for labels: load them before, or leave it out')
        height, width = results['img'].shape[:2]
        new = min(self.size[0], height), min(self.size[1], width)
        for u in generator_of(results, 'window').random((10, 2)):
            top, left = int(u[0] * (height - new[0] + 1)), int(u[1] * (width - new[1] + 1))
            if self.cat_max_ratio >= 1 or self._is_varied(
                results['gt_seg_map'][top : top + new[0], left : left + new[1]]
            ):
                break
        return self.cut(results, top, left, new)

    def _is_varied(self, labels: np.ndarray) -> bool:
        counts = np.unique(labels[labels != self.ignore_index], return_counts=True)[1]
        return len(counts) > 1 and counts.max() < self.cat_max_ratio * counts.sum()


@TRANSFORMS.register_module()
class RGBDCenterCrop(JointTransform):
    """Cut the centre out of a sample; a side that is smaller stays as it is.

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        gt_bboxes (optional), gt_masks (optional), intrinsics (optional)

    Modified Keys: those, img_shape, camera_of

    Args:
        size: Side of the result in pixels, or (height, width).
    """

    def __init__(self, size: int | tuple[int, int]):
        self.size = check_size('RGBDCenterCrop', 'size', (size, size) if isinstance(size, int) else size)

    def transform(self, results: dict) -> dict:
        """Cut everything."""
        sides = zip(results['img'].shape[:2], self.size, strict=True)
        top, left = (max((side - wanted) // 2, 0) for side, wanted in sides)
        return self.cut(results, top, left, self.size)


@TRANSFORMS.register_module()
class RGBDRandomResizedCrop(JointTransform):
    """Crop a random area and resize it to a square (the authors' code: area 0.08 to 1, ratio 3/4 to 4/3).

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        gt_bboxes (optional), gt_masks (optional), intrinsics (optional)

    Modified Keys: those, img_shape, camera_of

    Args:
        size: Side of the result in pixels.
        scale: Smallest and largest share of the area.
        ratio: Smallest and largest width / height.
        pad: Whether the area is padded to a square first, which keeps its shape (the authors' pretraining), or
            stretched (their classification).
        interpolation: Of the image, see :class:`RGBDResize`.

    Raises:
        ConfigError: If an argument is outside its domain.
    """

    def __init__(
        self,
        size: int,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        pad: bool = True,
        interpolation: str = 'area',
    ):
        owner = 'RGBDRandomResizedCrop'
        self.size, self.pad = check_int(owner, 'size', size), check_flag(owner, 'pad', pad)
        self.scale = check_range(owner, 'scale', scale, 1e-6, 1)
        self.ratio = check_range(owner, 'ratio', ratio, 1e-3, 1e3)
        self.interpolation = check_choice(owner, 'interpolation', interpolation, INTERPOLATIONS)

    def transform(self, results: dict) -> dict:
        """Crop, pad and resize everything."""
        self.refuse_poses(results)
        if self.pad:
            check_metres(results, self)
        top, left, height, width = self._draw(generator_of(results, 'crop'), *results['img'].shape[:2])
        old = (max(height, width),) * 2 if self.pad else (height, width)
        new = (self.size, self.size)
        above, before = (old[0] - height) // 2, (old[1] - width) // 2

        def cut(array, fill):
            pad = ((above, old[0] - height - above), (before, old[1] - width - before)) + ((0, 0),) * (array.ndim - 2)
            return np.pad(array[top : top + height, left : left + width], pad, constant_values=fill)

        self.move(
            results,
            rescale_intrinsics(np.eye(3), self.size / old[1], self.size / old[0]) @ shift(before - left, above - top),
            lambda img: resize_image(cut(img, 0), new, self.interpolation),
            lambda a, fill: resize_map(cut(a, fill), new),
        )
        return results

    def _draw(self, generator: np.random.Generator, height: int, width: int) -> tuple[int, int, int, int]:
        for u in generator.random((10, 4)):
            area = height * width * (self.scale[0] + (self.scale[1] - self.scale[0]) * u[0])
            ratio = np.exp(np.log(self.ratio[0]) + np.log(self.ratio[1] / self.ratio[0]) * u[1])
            w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if 0 < w <= width and 0 < h <= height:
                return int(u[2] * (height - h + 1)), int(u[3] * (width - w + 1)), h, w
        # after ten misses the largest central area of a permitted ratio, as torchvision and mmpretrain do
        h = min(height, max(round(width / self.ratio[0]), 1))
        w = min(width, max(round(height * self.ratio[1]), 1))
        return (height - h) // 2, (width - w) // 2, h, w
