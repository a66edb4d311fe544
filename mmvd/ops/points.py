"""Depth maps as point maps, and as disparity."""

import torch
from torch import Tensor

from .depth_range import clean_depth

NEAREST_M = 0.01  # nearer depth gives no larger disparity (paper A.8)


def guess_camera(height: int, width: int) -> Tensor:
    """(3, 3) float32 pinhole matrix where nothing is known: the authors' code, both focal lengths 1.5 widths."""
    return torch.tensor([[1.5 * width, 0, 0.5 * width], [0, 1.5 * width, 0.5 * height], [0, 0, 1.0]])


def depth_to_points(depth: Tensor, camera: Tensor) -> Tensor:
    """Coordinates of each pixel in the frame of the camera, as positive numbers (paper 3.1, P3DE).

    Args:
        depth: (B, 1, H, W) metres along the optical axis, 0 = missing.
        camera: (B, 3, 3) matrix from camera coordinates to pixels, pixel centres at integers; any invertible one, so
            that rotated images are served, too.

    Returns:
        (B, 3, H, W) metres: |X|, |Y|, Z, 0 where depth is missing; float64 for float64 input, else float32.
    """
    depth = clean_depth(depth)
    height, width = depth.shape[-2:]
    v, u = torch.meshgrid(
        torch.arange(height, device=depth.device, dtype=torch.float64),
        torch.arange(width, device=depth.device, dtype=torch.float64),
        indexing='ij',
    )
    pixels = torch.stack((u, v, torch.ones_like(u))).flatten(1)  # (3, H * W)
    rays = torch.linalg.inv(camera.double()) @ pixels
    rays = (rays[:, :2] / rays[:, 2:]).abs().unflatten(2, (height, width)).to(depth.dtype)
    return torch.cat((rays * depth, depth), 1)


def depth_to_disparity(depth: Tensor, focal_px: Tensor | float, baseline_m: float, max_depth: float = 50.0) -> Tensor:
    """Disparity of a stereo pair: baseline x focal length / depth (paper A.8).

    Args:
        depth: (B, 1, H, W) metres, 0 = missing.
        focal_px: Focal length in pixels, a number or (B,).
        baseline_m: Distance of the two cameras in metres.
        max_depth: Depth beyond it, in metres, gives no smaller disparity.

    Returns:
        (B, 1, H, W) pixels, 0 = missing.
    """
    depth = clean_depth(depth)
    focal = torch.as_tensor(focal_px, dtype=depth.dtype, device=depth.device).view(-1, 1, 1, 1)
    disparity = baseline_m * focal / depth.clamp(NEAREST_M, max_depth)
    return torch.where(depth > 0, disparity, torch.zeros_like(disparity))
