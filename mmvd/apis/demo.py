"""Pictures of the built-in rooms, with and without a model."""

import numpy as np
import torch

from mmvd import ops
from mmvd.datasets.rooms import CLASSES, render_rooms
from mmvd.datasets.sample_key import sample_key
from mmvd.visualization import completion_panel, contact_sheet

from .model import VDModel

_DEMO_SEED, _KEPT = 2000, (0.05, 0.2, 0.5)
_SHEET_SIZE = (180, 240)


def demo_panel(model: VDModel, index: int = 0, size: tuple[int, int] = (112, 112)) -> np.ndarray:
    """Complete one room from several densities: picture (h, w, 3) uint8, RGB."""
    key = torch.tensor([sample_key(_DEMO_SEED, 0, index)])
    room = render_rooms(key, *size)
    removed = [ops.density_mask((1, *size), 1 - kept, 'pixel', key)[0] for kept in _KEPT]
    inputs = torch.stack([room.depth[0].masked_fill(mask, 0) for mask in removed])
    rgb = room.rgb.permute(0, 3, 1, 2).expand(len(_KEPT), -1, -1, -1)
    completed = model.complete(rgb, inputs[:, None])[:, 0]
    return completion_panel(room.rgb[0].numpy(), inputs.numpy(), completed.cpu().numpy(), room.depth[0].numpy())


def rooms_sheet(count: int, seed: int = 0, sensor: bool = False, shuffle_textures: bool = False) -> np.ndarray:
    """RGB, depth and class of the first rooms of a seed: picture (h, w, 3) uint8, RGB."""
    rooms = render_rooms(
        torch.tensor([sample_key(seed, 0, i) for i in range(count)]),
        *_SHEET_SIZE,
        sensor=sensor,
        shuffle_textures=shuffle_textures,
    )
    return contact_sheet(rooms.rgb.numpy(), rooms.depth.numpy(), rooms.semantic.numpy(), len(CLASSES))
