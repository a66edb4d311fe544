"""Joint geometry: image, depth, labels and intrinsics move together. Depth and labels by nearest.

New depth is 0, new labels 255.
"""

import cv2
import numpy as np
from mmcv.image import imresize
from mmcv.transforms import BaseTransform

from mmvd.datasets.sample_key import generator_of
from mmvd.errors import ConfigError
from mmvd.registry import TRANSFORMS

from .loading import rescale_intrinsics

_NEAREST_KEYS = {
    'depth': 0,
    'gt_depth': 0,
    'removed_mask': 0,
    'gt_seg_map': 255,
    'gt_instance_map': 0,
}  # and what fills new pixels
# OpenCV's INTER_NEAREST takes the pixel left of the centre; the exact one stays aligned with the image.
_NEAREST = cv2.INTER_NEAREST_EXACT


class _JointTransform(BaseTransform):
    """Applies one geometric map to everything in a sample that lives on the pixel grid."""

    def _move(self, results: dict, move_image, move_map) -> None:
        results['img'] = move_image(results['img'])
        for key, fill in _NEAREST_KEYS.items():
            if results.get(key) is not None:
                array = results[key]  # OpenCV moves no booleans
                results[key] = move_map(array.view(np.uint8) if array.dtype == bool else array, fill).astype(
                    array.dtype, copy=False
                )
        results['img_shape'] = results['img'].shape[:2]

    def _cut(self, results: dict, top: int, left: int, size: tuple[int, int]) -> dict:
        """Keep a window, and move the principal point along."""
        window = np.s_[top : top + size[0], left : left + size[1]]
        self._move(results, lambda img: img[window], lambda a, fill: a[window])
        if 'intrinsics' in results:
            results['intrinsics'] = results['intrinsics'].copy()
            results['intrinsics'][:2, 2] -= (left, top)
        return results


def _resize_map(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(array, size[::-1], interpolation=_NEAREST)


def _resize_image(img: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    if interpolation == 'bicubic':
        return imresize(
            img, size[::-1], interpolation='bicubic', backend='pillow'
        )  # OpenCV's has aliasing when it shrinks
    smaller = size[0] * size[1] < img.shape[0] * img.shape[1]
    return cv2.resize(img, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


def _check_interpolation(name: str) -> str:
    if name not in ('area', 'bicubic'):
        raise ConfigError(f"interpolation must be 'area' or 'bicubic', got {name!r}")
    return name


@TRANSFORMS.register_module()
class RGBDResize(_JointTransform):
    """Resize a sample.

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        intrinsics (optional)

    Modified Keys: those, img_shape

    Args:
        size: (height, width) in pixels, or one number for the shorter side, keeping the aspect ratio.
        divisor: The result is rounded to multiples of it.
        interpolation: Of the image: ``'area'``, mean colours when it shrinks and bicubic when it grows, fast; or
            ``'bicubic'`` with Pillow's filter against aliasing, as torchvision.

    Raises:
        ConfigError: If the interpolation is unknown.
    """

    def __init__(self, size: int | tuple[int, int], divisor: int = 1, interpolation: str = 'area'):
        self.size, self.divisor, self.interpolation = size, divisor, _check_interpolation(interpolation)

    def transform(self, results: dict) -> dict:
        """Resize everything."""
        old = results['img'].shape[:2]
        wanted = [side * self.size / min(old) for side in old] if isinstance(self.size, int) else self.size
        new = tuple(max(round(side / self.divisor), 1) * self.divisor for side in wanted)
        self._move(
            results, lambda img: _resize_image(img, new, self.interpolation), lambda a, fill: _resize_map(a, new)
        )
        if 'intrinsics' in results:
            results['intrinsics'] = rescale_intrinsics(results['intrinsics'], new[1] / old[1], new[0] / old[0])
        return results


@TRANSFORMS.register_module()
class RGBDRandomFlip(_JointTransform):
    """Mirror a sample (the authors' code flips both ways, with probability 0.5 each).

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        intrinsics (optional)

    Modified Keys: those

    Added Keys: flip, flip_direction

    Args:
        horizontal: Probability of a horizontal flip.
        vertical: Probability of a vertical flip.
    """

    def __init__(self, horizontal: float = 0.5, vertical: float = 0.0):
        self.horizontal, self.vertical = horizontal, vertical

    def transform(self, results: dict) -> dict:
        """Mirror everything; the principal point moves along."""
        u = generator_of(results, 'flip').random(2)
        axes = [axis for axis, flip in ((1, u[0] < self.horizontal), (0, u[1] < self.vertical)) if flip]
        results['flip'] = bool(axes)
        results['flip_direction'] = {(): None, (1,): 'horizontal', (0,): 'vertical', (1, 0): 'diagonal'}[tuple(axes)]
        if axes:
            height, width = results['img'].shape[:2]
            self._move(
                results,
                lambda img: np.ascontiguousarray(np.flip(img, axes)),
                lambda a, fill: np.ascontiguousarray(np.flip(a, axes)),
            )
            if 'intrinsics' in results:
                results['intrinsics'] = results['intrinsics'].copy()
                for axis in axes:
                    row, side = (0, width) if axis == 1 else (1, height)
                    results['intrinsics'][row, 2] = side - 1 - results['intrinsics'][row, 2]
        return results


@TRANSFORMS.register_module()
class RGBDRandomRotate(_JointTransform):
    """Rotate a sample about its centre (named in the paper; angle and probability are a choice of this implementation).

    Depth is the distance along the optical axis, which a rotation about that axis does not change.

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional)

    Modified Keys: those; intrinsics lose their meaning only by the turn of the image axes and are kept

    Args:
        max_degrees: Angles are drawn evenly from both sides up to it.
        prob: Probability of a rotation.
    """

    def __init__(self, max_degrees: float = 15.0, prob: float = 0.5):
        self.max_degrees, self.prob = max_degrees, prob

    def transform(self, results: dict) -> dict:
        """Rotate everything; what comes in from outside is black and missing."""
        u = generator_of(results, 'rotate').random(2)
        if u[0] >= self.prob:
            return results
        height, width = results['img'].shape[:2]
        matrix = cv2.getRotationMatrix2D(
            ((width - 1) / 2, (height - 1) / 2), float((2 * u[1] - 1) * self.max_degrees), 1.0
        )

        def warp(array, interpolation, fill):
            return cv2.warpAffine(
                array, matrix, (width, height), flags=interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=fill
            )

        self._move(
            results,
            lambda img: warp(img, cv2.INTER_LINEAR, (0, 0, 0)),
            lambda a, fill: warp(a, cv2.INTER_NEAREST, fill),
        )
        return results


@TRANSFORMS.register_module()
class RGBDRandomCrop(_JointTransform):
    """Crop a window of a fixed size, as mmseg's ``RandomCrop`` does.

    A smaller image stays as it is, the data preprocessor pads it.

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        intrinsics (optional)

    Modified Keys: those, img_shape

    Args:
        size: (height, width) in pixels.
        cat_max_ratio: Largest share that one class may take of the labelled pixels; ten windows are tried, the last one
            is taken.
        ignore_index: Label that does not count.
    """

    def __init__(self, size: tuple[int, int], cat_max_ratio: float = 1.0, ignore_index: int = 255):
        self.size, self.cat_max_ratio, self.ignore_index = tuple(size), cat_max_ratio, ignore_index

    def transform(self, results: dict) -> dict:
        """Crop everything."""
        height, width = results['img'].shape[:2]
        new = min(self.size[0], height), min(self.size[1], width)
        for u in generator_of(results, 'window').random((10, 2)):
            top, left = int(u[0] * (height - new[0] + 1)), int(u[1] * (width - new[1] + 1))
            if self.cat_max_ratio >= 1 or self._is_varied(
                results['gt_seg_map'][top : top + new[0], left : left + new[1]]
            ):
                break
        return self._cut(results, top, left, new)

    def _is_varied(self, labels: np.ndarray) -> bool:
        counts = np.unique(labels[labels != self.ignore_index], return_counts=True)[1]
        return len(counts) > 1 and counts.max() < self.cat_max_ratio * counts.sum()


@TRANSFORMS.register_module()
class RGBDCenterCrop(_JointTransform):
    """Cut the centre out of a sample that is at least as large.

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        intrinsics (optional)

    Modified Keys: those, img_shape

    Args:
        size: Side of the result in pixels.
    """

    def __init__(self, size: int):
        self.size = size

    def transform(self, results: dict) -> dict:
        """Cut everything."""
        top, left = (max((side - self.size) // 2, 0) for side in results['img'].shape[:2])
        return self._cut(results, top, left, (self.size, self.size))


@TRANSFORMS.register_module()
class RGBDRandomResizedCrop(_JointTransform):
    """Crop a random area and resize it to a square (the authors' code: area 0.08 to 1, ratio 3/4 to 4/3).

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        intrinsics (optional)

    Modified Keys: those, img_shape

    Args:
        size: Side of the result in pixels.
        scale: Smallest and largest share of the area.
        ratio: Smallest and largest width / height.
        pad: Whether the area is padded to a square first, which keeps its shape (the authors' pretraining), or
            stretched (their classification).
        interpolation: Of the image, see :class:`RGBDResize`.

    Raises:
        ConfigError: If the interpolation is unknown.
    """

    def __init__(
        self,
        size: int,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        pad: bool = True,
        interpolation: str = 'area',
    ):
        self.size, self.scale, self.ratio, self.pad, self.interpolation = (
            size,
            scale,
            ratio,
            pad,
            _check_interpolation(interpolation),
        )

    def transform(self, results: dict) -> dict:
        """Crop, pad and resize everything."""
        top, left, height, width = self._draw(generator_of(results, 'crop'), *results['img'].shape[:2])
        old = (max(height, width),) * 2 if self.pad else (height, width)
        new = (self.size, self.size)
        above, before = (old[0] - height) // 2, (old[1] - width) // 2

        def cut(array, fill):
            pad = ((above, old[0] - height - above), (before, old[1] - width - before)) + ((0, 0),) * (array.ndim - 2)
            return np.pad(array[top : top + height, left : left + width], pad, constant_values=fill)

        self._move(
            results,
            lambda img: _resize_image(cut(img, 0), new, self.interpolation),
            lambda a, fill: _resize_map(cut(a, fill), new),
        )
        if 'intrinsics' in results:
            matrix = results['intrinsics'].copy()
            matrix[0, 2] += before - left
            matrix[1, 2] += above - top
            results['intrinsics'] = rescale_intrinsics(matrix, self.size / old[1], self.size / old[0])
        return results

    def _draw(self, generator: np.random.Generator, height: int, width: int) -> tuple[int, int, int, int]:
        for u in generator.random((10, 4)):
            area = height * width * (self.scale[0] + (self.scale[1] - self.scale[0]) * u[0])
            ratio = np.exp(np.log(self.ratio[0]) + np.log(self.ratio[1] / self.ratio[0]) * u[1])
            w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if 0 < w <= width and 0 < h <= height:
                return int(u[2] * (height - h + 1)), int(u[3] * (width - w + 1)), h, w
        side = min(height, width)  # as torchvision does after ten misses: the central crop
        return (height - side) // 2, (width - side) // 2, side, side
