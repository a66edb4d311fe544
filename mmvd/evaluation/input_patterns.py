"""Ways in which depth is missing at evaluation, beyond those of training: each is an order in which pixels vanish."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmvd import ops

_STREAM_LUCK, _STREAM_PLACE = 71, 72
_EDGE_SHARE = 0.05  # relative step of depth between neighbours that certainly loses a pixel


def removed_pixels(pattern: str, kept: float, depth: Tensor, images: Sequence[Tensor], seeds: Tensor) -> Tensor:
    """Choose the pixels that vanish, as many as asked for; those of a smaller share lie within those of a larger one.

    Args:
        pattern: One of :data:`PATTERNS`.
        kept: Share of the valid pixels that stay.
        depth: (B, 1, H, W) metres, 0 = missing.
        images: B images (3, h, w) uint8 in BGR order, not larger than the maps, whose corner is theirs.
        seeds: (B,) int64.

    Returns:
        (B, 1, H, W) bool, True = removed.
    """
    order, valid = PATTERNS[pattern](depth[:, 0], images, seeds), depth[:, 0] > 0
    fraction = torch.full((len(depth),), 1 - kept, dtype=torch.float64, device=depth.device)
    return ops.remove_lowest(order, fraction, valid)[:, None]


def _luck(depth: Tensor, seeds: Tensor) -> Tensor:
    return ops.pixel_noise(tuple(depth.shape), ops.fold(seeds, _STREAM_LUCK))


def lidar_lines(depth: Tensor, images: Sequence[Tensor], seeds: Tensor) -> Tensor:
    """Rows vanish so that the others stay as evenly spaced as they can (van der Corput's sequence)."""
    height = depth.shape[1]
    bits = max((height - 1).bit_length(), 1)
    rows = (torch.arange(height) + (ops.uniform(seeds.cpu(), _STREAM_PLACE) * height).long()[:, None]) % height
    reversed_bits = sum(((rows >> bit) & 1) << (bits - 1 - bit) for bit in range(bits))
    return -reversed_bits.float().to(depth.device)[:, :, None].expand_as(depth).contiguous()


def one_block(depth: Tensor, images: Sequence[Tensor], seeds: Tensor) -> Tensor:
    """A rectangle of the image's shape that grows about a centre."""
    height, width = depth.shape[1:]
    centre = 0.25 + 0.5 * ops.uniform(seeds, _STREAM_PLACE, 2)
    rows = (torch.arange(height, device=depth.device) / height - centre[:, :1]).abs()[:, :, None]
    columns = (torch.arange(width, device=depth.device) / width - centre[:, 1:]).abs()[:, None, :]
    return torch.maximum(rows, columns)


def keypoints(depth: Tensor, images: Sequence[Tensor], seeds: Tensor) -> Tensor:
    """Corners stay, the strongest the longest (FAST, as structure from motion finds them); then others by chance."""
    order = _luck(depth, seeds)
    detector = cv2.FastFeatureDetector_create(threshold=5)
    for number, image in enumerate(images):
        found = detector.detect(cv2.cvtColor(image.permute(1, 2, 0).cpu().numpy().copy(), cv2.COLOR_BGR2GRAY))
        if found:
            columns, rows = np.rint([point.pt for point in found]).astype(int).T
            strength = torch.tensor([point.response for point in found], device=depth.device)
            order[number, rows, columns] += 1 + strength
    return order


def sensor_holes(depth: Tensor, images: Sequence[Tensor], seeds: Tensor) -> Tensor:
    """Steps of depth and slanted surfaces vanish first, in patches, as active sensors lose them."""
    known = torch.where(depth > 0, depth, torch.nan)[:, None]
    far = F.max_pool2d(torch.nan_to_num(known, nan=0.0), 3, 1, 1)
    near = -F.max_pool2d(torch.nan_to_num(-known, nan=-torch.inf), 3, 1, 1)
    step = ((far - near) / far.clamp(min=1e-6)).nan_to_num(0, 0, 0).clamp(0, 1)
    risk = F.avg_pool2d(F.max_pool2d(step, 5, 1, 2), 5, 1, 2)[:, 0] / _EDGE_SHARE
    cells = torch.full((len(depth), 2), 8, device=depth.device)
    patches = ops.perlin_noise(tuple(depth.shape), ops.fold(seeds, _STREAM_PLACE), cells)
    return patches - risk


def _of_training(pattern: str) -> Callable:
    def order(depth: Tensor, images: Sequence[Tensor], seeds: Tensor) -> Tensor:
        return ops.density_noise(pattern, tuple(depth.shape), seeds)

    return order


PATTERNS: dict[str, Callable[[Tensor, Sequence[Tensor], Tensor], Tensor]] = dict(
    pixel=_of_training('pixel'),
    perlin=_of_training('perlin'),
    coarse=_of_training('coarse'),
    lidar_lines=lidar_lines,
    keypoints=keypoints,
    one_block=one_block,
    sensor_holes=sensor_holes,
)
