"""Pictures of the built-in rooms, with and without a model."""

import numpy as np
import torch

from mmvd import ops
from mmvd.datasets.rooms import render_rooms
from mmvd.datasets.sample_key import sample_key
from mmvd.visualization import completion_panel, contact_sheet

from .model import VDModel

_DEMO_SEED, _KEPT = 2000, (0.05, 0.2, 0.5)
_SHEET_SIZE = (180, 240)


def demo_room(index: int, size: tuple[int, int] = (112, 112)) -> tuple[np.ndarray, np.ndarray]:
    """A built-in room that no training uses: (H, W, 3) uint8 RGB and (H, W) float32 metres."""
    room = render_rooms(_key(index), *size)
    return room.rgb[0].numpy(), room.depth[0].numpy()


def demo_panel(model: VDModel, index: int = 0) -> np.ndarray:
    """Complete one room from several densities: picture (h, w, 3) uint8, RGB."""
    rgb, depth = demo_room(index)
    whole = torch.from_numpy(depth)
    removed = [ops.density_mask((1, *depth.shape), 1 - kept, 'pixel', _key(index))[0] for kept in _KEPT]
    inputs = torch.stack([whole.masked_fill(mask, 0) for mask in removed]).numpy()
    completed = model.complete(np.repeat(rgb[None], len(_KEPT), 0), inputs)
    return completion_panel(rgb, inputs, completed, depth)


def _key(index: int) -> torch.Tensor:
    return torch.tensor([sample_key(_DEMO_SEED, 0, index)])


def rooms_sheet(count: int, seed: int = 0, sensor: bool = False, shuffle_textures: bool = False) -> np.ndarray:
    """RGB, depth and class of the first rooms of a seed: picture (h, w, 3) uint8, RGB."""
    rooms = render_rooms(
        torch.tensor([sample_key(seed, 0, i) for i in range(count)]),
        *_SHEET_SIZE,
        sensor=sensor,
        shuffle_textures=shuffle_textures,
    )
    return contact_sheet(rooms.rgb.numpy(), rooms.depth.numpy(), rooms.semantic.numpy())
