"""Colour augmentation: image only, drawn from the sample's key.

By mmcv and OpenCV, which take a quarter of torchvision's time, or less, and are within a level of it (hue: ten).
"""

import math
from functools import partial

import cv2
import mmcv
import numpy as np
from mmcv.transforms import BaseTransform

from mmvd.arguments import check_number, check_range, check_share
from mmvd.datasets.sample_key import generator_of
from mmvd.registry import TRANSFORMS


def _turn_hue(img: np.ndarray, turns: float) -> np.ndarray:
    """In steps of a 256th of a turn, to both sides; mmcv 2.1.0 fails at negative ones where NumPy is 2."""
    hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV_FULL)
    hsv[..., 0] += np.uint8(round(256 * turns) % 256)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR_FULL)


# The backend is named: else it is whatever a host chose for reading files.
_STEPS = (
    partial(mmcv.adjust_brightness, backend='cv2'),
    partial(mmcv.adjust_contrast, backend='cv2'),
    partial(mmcv.adjust_color, backend='cv2'),
    _turn_hue,
)


def _grey(img: np.ndarray) -> np.ndarray:
    return mmcv.gray2bgr(mmcv.bgr2gray(img))


@TRANSFORMS.register_module()
class RandomColorJitter(BaseTransform):
    """Brightness, contrast, saturation and hue in random order; the defaults are the authors' code.

    Required Keys: img, (H, W, 3) uint8 BGR

    Modified Keys: img

    Args:
        brightness: Largest relative change.
        contrast: Largest relative change.
        saturation: Largest relative change.
        hue: Largest change in turns.
    """

    def __init__(self, brightness: float = 0.4, contrast: float = 0.4, saturation: float = 0.2, hue: float = 0.1):
        names = ('brightness', 'contrast', 'saturation', 'hue')
        self.limits = tuple(
            check_number('RandomColorJitter', name, value, 0, 0.5 if name == 'hue' else 1)
            for name, value in zip(names, (brightness, contrast, saturation, hue), strict=True)
        )

    def transform(self, results: dict) -> dict:
        """Change the colours."""
        generator = generator_of(results, 'jitter')
        amount = (2 * generator.random(4) - 1) * self.limits
        for i in filter(lambda i: self.limits[i], generator.permutation(4)):
            results['img'] = _STEPS[i](results['img'], float(amount[i] if i == 3 else 1 + amount[i]))
        return results


@TRANSFORMS.register_module()
class RandomGrayscale(BaseTransform):
    """Drop the colours, sometimes.

    Required Keys: img, (H, W, 3) uint8 BGR

    Modified Keys: img

    Args:
        prob: Probability; 0.2 in the authors' code.
    """

    def __init__(self, prob: float = 0.2):
        self.prob = check_share('RandomGrayscale', 'prob', prob)

    def transform(self, results: dict) -> dict:
        """Replace the image by its luminance."""
        if generator_of(results, 'grayscale').random() < self.prob:
            results['img'] = _grey(results['img'])
        return results


@TRANSFORMS.register_module()
class ThreeAugment(BaseTransform):
    """Exactly one of grayscale, solarisation and Gaussian blur.

    As in the authors' code; the paper, A.5 and A.6, lists the three.

    Required Keys: img, (H, W, 3) uint8 BGR

    Modified Keys: img

    Args:
        prob: Probability that one of them is applied.
        threshold: Values above it are inverted by the solarisation.
        sigma: Smallest and largest standard deviation of the blur in pixels.
    """

    def __init__(self, prob: float = 1.0, threshold: float = 128.0, sigma: tuple[float, float] = (0.1, 2.0)):
        self.prob = check_share('ThreeAugment', 'prob', prob)
        self.threshold = check_number('ThreeAugment', 'threshold', threshold, 0, 255)
        self.sigma = check_range('ThreeAugment', 'sigma', sigma, 1e-3, 100)

    def transform(self, results: dict) -> dict:
        """Change the image."""
        u = generator_of(results, 'three augment').random(3)
        if u[0] >= self.prob:
            return results
        sigma = self.sigma[0] + (self.sigma[1] - self.sigma[0]) * u[2]
        steps = (
            _grey,
            lambda x: mmcv.solarize(x, self.threshold),
            lambda x: cv2.GaussianBlur(x, [2 * math.ceil(3 * sigma) + 1] * 2, sigma),
        )
        results['img'] = steps[int(u[1] * 3)](results['img'])
        return results
