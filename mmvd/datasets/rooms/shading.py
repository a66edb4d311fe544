"""Procedural materials and light.

Plain, striped, checked, grained and speckled surfaces under one lamp with shadows.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmvd.ops import fold, uniform

from . import catalogue as cat
from .layout import Layout

_STREAM = 200
_PLAIN, _STRIPES, _CHECKS, _GRAIN, _SPECKLE = range(5)


@dataclass
class Materials:
    """Materials of the six surfaces of a room, then of its objects: M = 6 + O.

    Attributes:
        colour: (B, M, 2, 3) two albedos in 0..1 between which the pattern swings.
        pattern: (B, M) int64.
        frequency: (B, M) per metre.
        axis: (B, M, 3) unit direction of stripes and grain.
        shiny: (B, M) bool, defeats an active depth sensor.
    """

    colour: Tensor
    pattern: Tensor
    frequency: Tensor
    axis: Tensor
    shiny: Tensor


def sample_materials(keys: Tensor, layout: Layout, shuffle_textures: bool) -> Materials:
    """Draw materials by class, or, shuffled, by a class drawn at random, so that colour says nothing of the class."""
    batch, device = len(keys), keys.device
    surfaces = torch.tensor(cat.SURFACE_CLASSES, device=device).expand(batch, -1)
    classes = torch.cat((surfaces, layout.object_class), 1)
    count = classes.shape[1]
    u = uniform(keys, _STREAM, count * 14).view(batch, count, 14)
    if shuffle_textures:
        classes = (u[..., 13] * len(cat.CLASSES)).long()
    else:
        u[:, 1:4] = u[:, :1]  # four walls, one paint
    typical = cat.colours().to(device)[classes, (u[..., 0] < 0.5).long()]
    first = (typical + (u[..., 1:4] - 0.5) * 0.25).clamp(0.04, 1)
    second = (first * (0.45 + 0.9 * u[..., 4:5]) + (u[..., 5:8] - 0.5) * 0.15).clamp(0.02, 1)
    axis = torch.nn.functional.normalize(u[..., 8:11] - 0.5 + 1e-4, dim=-1)
    pattern = torch.where(u[..., 11] < 0.25, _PLAIN, (u[..., 11] * 5).long().clamp(max=4))
    shiny = (u[..., 12] < 0.12) & (torch.arange(count, device=device) >= cat.SURFACES)
    return Materials(torch.stack((first, second), 2), pattern, 1.5 + 10 * u[..., 12] ** 2, axis, shiny)


def _swing(keys: Tensor, local: Tensor, pattern: Tensor, frequency: Tensor, axis: Tensor) -> Tensor:
    """(B, N) in 0..1: where between its two colours a surface is."""
    along = (local * axis).sum(-1) * frequency
    stripes = (along - along.floor() < 0.5).float()
    cells = ((local * frequency[..., None] * 0.6).floor().long().sum(-1) % 2).float()
    waves = torch.stack(
        [(local * (2.3 + i) * frequency[..., None] * axis.roll(i, -1)).sum(-1).sin() for i in range(3)]
    ).sum(0)
    grain = 0.5 + 0.5 * torch.sin(2 * torch.pi * (along + 0.35 * waves))
    spot = (local * 40).floor().long()
    speckle = (fold(fold(fold(keys[:, None], spot[..., 0]), spot[..., 1]), spot[..., 2]) & 1023).float() / 1023
    values = torch.stack((torch.zeros_like(along), stripes, cells, grain, speckle), 0)
    return values.gather(0, pattern[None])[0]


def albedo_at(keys: Tensor, materials: Materials, owner: Tensor, local: Tensor) -> Tensor:
    """Colour of surface points: (B, N) material index and (B, N, 3) local position in metres -> (B, N, 3) in 0..1."""
    three = owner[..., None].expand(-1, -1, 3)
    first, second = materials.colour[:, :, 0].gather(1, three), materials.colour[:, :, 1].gather(1, three)
    swing = _swing(
        keys,
        local,
        materials.pattern.gather(1, owner),
        materials.frequency.gather(1, owner),
        materials.axis.gather(1, three),
    )
    return torch.lerp(first, second, swing[..., None])


def light_up(keys: Tensor, layout: Layout, albedo: Tensor, point: Tensor, normal: Tensor, lit: Tensor) -> Tensor:
    """Lambert's law with a lamp, an even ambient light, darker room edges, a random exposure and white balance.

    Args:
        keys: (B,) int64.
        layout: B rooms.
        albedo: (B, N, 3) in 0..1.
        point: (B, N, 3) metres, world.
        normal: (B, N, 3) unit.
        lit: (B, N) bool, whether the lamp sees the point.

    Returns:
        (B, N, 3) RGB in 0..1.
    """
    u = uniform(keys, _STREAM + 1, 5)
    to_lamp = layout.light[:, None] - point
    distance = to_lamp.norm(dim=-1)
    cosine = ((to_lamp * normal).sum(-1) / distance.clamp(min=1e-3)).clamp(min=0)
    lamp = 1.5 * cosine * lit / (1 + (distance / 3.5) ** 2)
    half = torch.cat((layout.room[:, :2] / 2, layout.room[:, 2:]), 1)[:, None]
    to_walls = torch.cat(
        (half[..., :2] - point[..., :2].abs(), torch.minimum(point[..., 2:], half[..., 2:] - point[..., 2:])), -1
    )
    edge = to_walls.clamp(min=0).sort(-1).values[..., 1]  # to the second surface: small in the edges of the room
    ambient = (0.30 + 0.25 * u[:, :1]) * (1 - 0.35 * torch.exp(-edge / 0.25))
    ambient = ambient * (0.85 + 0.15 * normal[..., 2])
    white = 1 + 0.12 * (u[:, 1:4] - 0.5)
    exposure = 0.8 + 0.5 * u[:, 4]
    return (albedo * (lamp + ambient)[..., None] * white[:, None] * exposure[:, None, None]).clamp(0, 1) ** (1 / 1.6)
