"""A scene whose geometry is known: a plane, and on it a white mark at a known place in space."""

import numpy as np

SIZE = (48, 64)  # height, width


def camera(size: tuple[int, int] = SIZE) -> np.ndarray:
    """(3, 3) pinhole matrix of the one camera, for an image of another size than 48 x 64, too."""
    y, x = size[0] / SIZE[0], size[1] / SIZE[1]
    return np.array([[60 * x, 0, 32 * x - 0.5], [0, 62 * y, 24 * y - 0.5], [0, 0, 1]])


def pixels(size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W, 3) homogeneous pixel coordinates."""
    v, u = np.mgrid[: size[0], : size[1]].astype(float)
    return np.stack([u, v, np.ones_like(u)], -1)


def normal(seed: int) -> np.ndarray:
    """(3,) of the plane n X = 1, X in metres: from 1 m in a corner of the image to 4 m, another one for each seed."""
    tilt = 0.1 * (seed % 5)
    return camera().T @ [-0.75 * (1 - tilt) / (SIZE[1] - 1), -0.75 * tilt / (SIZE[0] - 1), 1]


def plane_m(seed: int, size: tuple[int, int] = SIZE, K: np.ndarray | None = None) -> np.ndarray:
    """(H, W) metres, as the one camera or another one sees the plane."""
    rays = pixels(size) @ np.linalg.inv(camera(size) if K is None else K).T
    return 1 / (rays @ normal(seed))


def mark_m(seed: int) -> np.ndarray:
    """(3,) the mark's place in the camera's coordinates, in metres."""
    ray = np.linalg.inv(camera()) @ [16 + 8 * (seed % 4), 12 + 7 * (seed % 3), 1]
    return ray / (ray @ normal(seed))


def drawing(seed: int, size: tuple[int, int] = SIZE, K: np.ndarray | None = None) -> np.ndarray:
    """(H, W, 3) uint8: dark noise, and the mark where the camera sees it, 5 pixels of 64 wide."""
    image = np.random.default_rng(seed).integers(0, 90, (*size, 3), dtype=np.uint8)
    u, v, w = (camera(size) if K is None else K) @ mark_m(seed)
    half = 2.5 * size[1] / SIZE[1]
    apart = np.abs(pixels(size)[..., :2] - (u / w, v / w)).max(-1)
    image[apart < half] = 255
    return image


def mark_px(image: np.ndarray) -> np.ndarray:
    """(2,) x and y of the mark's centre in an image."""
    return pixels(image.shape[:2])[image.min(-1) > 180].mean(0)[:2]
