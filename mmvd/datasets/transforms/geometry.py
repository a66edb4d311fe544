"""Joint geometry: image, depth, labels, boxes and intrinsics move together. Depth and labels by nearest.

New depth is 0, new labels 255.
"""

from collections.abc import Callable

import cv2
import numpy as np
from mmcv.image import imresize
from mmcv.transforms import BaseTransform

from mmvd.arguments import check_choice, check_int, check_number, check_share, check_size
from mmvd.datasets.cameras import camera_fits, note_camera, rescale_intrinsics
from mmvd.datasets.sample_key import generator_of
from mmvd.errors import ConfigError, SampleError
from mmvd.registry import TRANSFORMS

from .instances import move_instances
from .validity import check_metres

# and what fills new pixels
_NEAREST_KEYS = {'depth': 0, 'gt_depth': 0, 'removed_mask': 0, 'gt_seg_map': 255, 'gt_instance_map': 0}
# OpenCV's INTER_NEAREST takes the pixel left of the centre; the exact one stays aligned with the image.
_NEAREST = cv2.INTER_NEAREST_EXACT
_ASPECT_TOLERANCE = 0.02  # between an image and its depth; ScanNet: 1296 x 968 for 640 x 480


class JointTransform(BaseTransform):
    """Applies one geometric map to everything in a sample that lives on the pixel grid.

    Also to mmdet's gt_bboxes and gt_masks; objects that leave the image are dropped.
    """

    def move(
        self,
        results: dict,
        matrix: np.ndarray,
        move_image: Callable,
        move_map: Callable,
        mirror: tuple[int, int] = (1, 1),
        scale: tuple[float, float] | None = None,
    ) -> None:
        """Move everything.

        Args:
            results: The sample.
            matrix: (3, 3) float64, from old to new pixels, whose centres are at integers.
            move_image: Moves the image.
            move_map: Moves a map, and takes what fills new pixels.
            mirror: Signs of the camera's X and Y axes, which stay positive in a mirrored image.
            scale: (x, y) of a resize.

        Raises:
            SampleError: If a map has another size than the image.
        """
        self.check_sizes(results)
        fits, results['img'] = camera_fits(results), move_image(results['img'])
        for key, fill in _NEAREST_KEYS.items():
            if results.get(key) is not None:
                array = results[key]  # OpenCV moves no booleans
                results[key] = move_map(array.view(np.uint8) if array.dtype == bool else array, fill).astype(
                    array.dtype, copy=False
                )
        results['img_shape'] = results['img'].shape[:2]
        move_instances(results, matrix, move_map)
        if 'intrinsics' in results:
            camera = matrix @ results['intrinsics'].astype(np.float64) @ np.diag((*mirror, 1))
            results['intrinsics'] = camera.astype(np.float32)
        if scale is not None:  # (x, y), with which mmdet brings boxes back to the original
            before = results.get('scale_factor', (1.0, 1.0))
            results['scale_factor'] = (before[0] * scale[0], before[1] * scale[1])
        note_camera(results, fits)

    def check_sizes(self, results: dict) -> None:
        """See that everything has the size of the image.

        Raises:
            SampleError: If a map has another one.
        """
        shape = results['img'].shape[:2]
        for key in _NEAREST_KEYS:
            if results.get(key) is not None and results[key].shape[:2] != shape:
                raise SampleError(
                    f'{results.get("img_path")}: {key} is {results[key].shape[:2]} but the image is {shape}: put '
                    f'mmvd.RGBDResize, which brings both to one size, before {type(self).__name__}'
                )

    def refuse_poses(self, results: dict) -> None:
        """See that the sample has no poses or boxes to find them in: mirrored or turned, objects would be others.

        Raises:
            ConfigError: If it has.
        """
        if 'queries' in results or any('rotation' in instance for instance in results.get('instances', ())):
            raise ConfigError(
                f'{type(self).__name__}: a sample with 6D poses is not mirrored, turned or cut: leave the transform '
                'out of its pipeline'
            )

    def cut(self, results: dict, top: int, left: int, size: tuple[int, int]) -> dict:
        """Keep a window, and move the principal point along."""
        self.refuse_poses(results)
        window = np.s_[top : top + size[0], left : left + size[1]]
        self.move(results, shift(-left, -top), lambda img: img[window], lambda a, fill: a[window])
        return results


def shift(x: float, y: float) -> np.ndarray:
    """(3, 3) of a shift in pixels."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def same_field(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two (height, width) may show the same field of view: their aspect ratios agree."""
    return abs(a[1] * b[0] / (a[0] * b[1]) - 1) <= _ASPECT_TOLERANCE


def resize_map(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) values at another (height, width), by nearest."""
    return cv2.resize(array, size[::-1], interpolation=_NEAREST)


def resize_image(img: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """(H, W, 3) uint8 at another (height, width)."""
    if interpolation == 'bicubic':
        # OpenCV's has aliasing when it shrinks
        return imresize(img, size[::-1], interpolation='bicubic', backend='pillow')
    smaller = size[0] * size[1] < img.shape[0] * img.shape[1]
    return cv2.resize(img, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


INTERPOLATIONS = ('area', 'bicubic')  # of images


@TRANSFORMS.register_module()
class RGBDResize(JointTransform):
    """Resize a sample.

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        gt_bboxes (optional), gt_masks (optional), intrinsics (optional)

    Modified Keys: those, img_shape, scale_factor and camera_of (added where they are not)

    Labels that are still those of the original image, where depth was smaller than it, come to the size of the image.

    Args:
        size: (height, width) in pixels, or one number for the shorter side, keeping the aspect ratio.
        divisor: The result is rounded to multiples of it.
        interpolation: Of the image: ``'area'``, mean colours when it shrinks and bicubic when it grows, fast; or
            ``'bicubic'`` with Pillow's filter against aliasing, as torchvision.

    Raises:
        ConfigError: If an argument is outside its domain.
    """

    def __init__(self, size: int | tuple[int, int], divisor: int = 1, interpolation: str = 'area'):
        if isinstance(size, int):
            check_int('RGBDResize', 'size', size)
        else:
            check_size('RGBDResize', 'size', size)
        check_int('RGBDResize', 'divisor', divisor)
        check_choice('RGBDResize', 'interpolation', interpolation, INTERPOLATIONS)
        self.size, self.divisor, self.interpolation = size, divisor, interpolation

    def transform(self, results: dict) -> dict:
        """Resize everything."""
        old = results['img'].shape[:2]
        wanted = [side * self.size / min(old) for side in old] if isinstance(self.size, int) else self.size
        new = tuple(max(round(side / self.divisor), 1) * self.divisor for side in wanted)
        scale = new[1] / old[1], new[0] / old[0]
        self.move(
            results,
            rescale_intrinsics(np.eye(3), *scale),
            lambda img: resize_image(img, new, self.interpolation),
            lambda a, fill: resize_map(a, new),
            scale=scale,
        )
        return results

    def check_sizes(self, results: dict) -> None:
        """Maps that show the whole image may have any size, depth that of an image that was only resized.

        Raises:
            SampleError: If image and depth have another aspect ratio, and no resize of the host explains it: one was
                cut or padded.
        """
        shape, scale = results['img'].shape[:2], results.get('scale_factor', (1.0, 1.0))
        for key in ('depth', 'gt_depth'):
            own = results[key].shape[:2] if results.get(key) is not None else shape
            if not same_field(shape, own) and np.abs(np.multiply(own, scale[1::-1]) - shape).max() > 1:
                raise SampleError(
                    f'{results.get("img_path")}: {key} is {own} but the image is {shape}, of another aspect ratio: a '
                    'transform of the host cut or padded one of them'
                )


@TRANSFORMS.register_module()
class RGBDRandomFlip(JointTransform):
    """Mirror a sample (the authors' code flips both ways, with probability 0.5 each).

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        gt_bboxes (optional), gt_masks (optional), intrinsics (optional)

    Modified Keys: those, camera_of

    Added Keys: flip, flip_direction, depth_flip (that depth moved along)

    Args:
        horizontal: Probability of a horizontal flip.
        vertical: Probability of a vertical flip.

    Raises:
        SampleError: If a transform of the host mirrored the image of a sample with depth before.
    """

    def __init__(self, horizontal: float = 0.5, vertical: float = 0.0):
        self.horizontal = check_share('RGBDRandomFlip', 'horizontal', horizontal)
        self.vertical = check_share('RGBDRandomFlip', 'vertical', vertical)

    def check_sizes(self, results: dict) -> None:
        """Each map is mirrored by itself."""

    def transform(self, results: dict) -> dict:
        """Mirror everything; the camera is mirrored along, its axes stay positive."""
        self.refuse_poses(results)
        if results.get('depth') is not None and results.get('flip') and not results.get('depth_flip'):
            raise SampleError(
                f'{results.get("img_path")}: the RandomFlip of a host mirrored the image, which mmvd.RGBDRandomFlip '
                "would hide: leave the host's out"
            )
        u = generator_of(results, 'flip').random(2)
        axes = [axis for axis, flip in ((1, u[0] < self.horizontal), (0, u[1] < self.vertical)) if flip]
        results['flip'] = results['depth_flip'] = bool(axes)
        results['flip_direction'] = {(): None, (1,): 'horizontal', (0,): 'vertical', (1, 0): 'diagonal'}[tuple(axes)]
        if axes:
            height, width = results['img'].shape[:2]
            x, y = (-1 if axis in axes else 1 for axis in (1, 0))
            matrix = np.array([[x, 0, width - 1 if x < 0 else 0], [0, y, height - 1 if y < 0 else 0], [0, 0, 1.0]])
            self.move(
                results,
                matrix,
                lambda img: np.ascontiguousarray(np.flip(img, axes)),
                lambda a, fill: np.ascontiguousarray(np.flip(a, axes)),
                mirror=(x, y),
            )
        return results


@TRANSFORMS.register_module()
class RGBDRandomRotate(JointTransform):
    """Rotate a sample about its centre (named in the paper; angle and probability are a choice of this implementation).

    Depth is the distance along the optical axis, which a rotation about that axis does not change.

    Required Keys: img, depth (optional), gt_depth (optional), gt_seg_map (optional), gt_instance_map (optional),
        gt_bboxes (optional), gt_masks (optional)

    Modified Keys: those; intrinsics (optional) become A K, the rotation of the pixels times the camera: no longer upper
        triangular

    Args:
        max_degrees: Angles are drawn evenly from both sides up to it.
        prob: Probability of a rotation.
    """

    def __init__(self, max_degrees: float = 15.0, prob: float = 0.5):
        self.max_degrees = check_number('RGBDRandomRotate', 'max_degrees', max_degrees, 0, 180)
        self.prob = check_share('RGBDRandomRotate', 'prob', prob)

    def transform(self, results: dict) -> dict:
        """Rotate everything; what comes in from outside is black and missing."""
        self.refuse_poses(results)
        check_metres(results, self)
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

        self.move(
            results,
            np.vstack((matrix, (0, 0, 1))),
            lambda img: warp(img, cv2.INTER_LINEAR, (0, 0, 0)),
            lambda a, fill: warp(a, cv2.INTER_NEAREST, fill),
        )
        return results
