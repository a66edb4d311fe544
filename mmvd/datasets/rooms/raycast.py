"""Exact ray casting of rooms.

Nearest hit of every ray with boxes, ellipsoids, cylinders and the walls, in unit frames of the primitives.
"""

import torch
from torch import Tensor

from .catalogue import SURFACES
from .layout import BOX, CYLINDER, KINDS, SPHERE, Layout

_FAR = 1e6
_NEAR = 1e-3
_FLAT = 1e-9
_CPU_CHUNK = 2048  # rays at a time: the temporaries of a chunk stay in the cache


def cast_rays(layout: Layout, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Find what each ray hits first.

    Args:
        layout: B rooms with P primitives.
        origin: (B, N, 3) or (B, 1, 3) ray origins, metres, inside the rooms.
        direction: (B, N, 3) ray directions; lengths need not be 1.

    Returns:
        (B, N) ray parameter t of the first hit, and (B, N) int64 what was hit: 0..5 the surfaces of the room (-x, +x,
        -y, +y, floor, ceiling), 6 + p primitive p.
    """
    rays = direction.shape[1]
    size = max(_CPU_CHUNK // len(direction), 1) if direction.device.type == 'cpu' else rays
    directions = direction.split(size, 1)
    origins = [origin] * len(directions) if origin.shape[1] == 1 else origin.split(size, 1)
    parts = [_cast_chunk(layout, *chunk) for chunk in zip(origins, directions, strict=True)]
    return torch.cat([t for t, _ in parts], 1), torch.cat([what for _, what in parts], 1)


def _cast_chunk(layout: Layout, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    t_first, first = _hit_room(layout, origin, direction)
    slots = torch.tensor(KINDS, device=origin.device)
    filled = layout.half.amin(-1) > _FLAT
    for kind, hit in ((BOX, _hit_box), (SPHERE, _hit_sphere), (CYLINDER, _hit_cylinder)):
        members = ((slots == kind) & filled.any(0)).nonzero().flatten()
        if not len(members):
            continue
        t = hit(*_to_unit_frames(layout, members, origin, direction))
        t_kind, nearest = torch.where(filled[:, members, None] & (t > _NEAR), t, _FAR).min(1)
        closer = t_kind < t_first
        first = torch.where(closer, members[nearest] + SURFACES, first)
        t_first = torch.where(closer, t_kind, t_first)
    return t_first, first


def _hit_room(layout: Layout, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    half = layout.room / 2
    low = torch.cat((-half[:, :2], torch.zeros_like(half[:, :1])), 1)[:, None]
    high = torch.cat((half[:, :2], layout.room[:, 2:]), 1)[:, None]
    direction = _not_zero(direction)
    t, axis = (torch.where(direction > 0, high - origin, low - origin) / direction).min(-1)
    positive = direction.gather(-1, axis[..., None])[..., 0] > 0
    return t, 2 * axis + positive


def _to_unit_frames(layout: Layout, members: Tensor, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Rays in frames in which each primitive is the unit cube, ball or cylinder: two (B, P, 3, N or 1) tensors."""
    half = layout.half[:, members].clamp(min=_FLAT)
    to_local = layout.rotation[:, members].transpose(-1, -2) / half[..., None]  # (B, P, 3, 3)
    offset = to_local @ layout.centre[:, members, :, None]
    rows = to_local.flatten(1, 2)  # (B, 3 P, 3): one product for all primitives of a room
    local = [(rows @ rays.transpose(1, 2)).unflatten(1, (-1, 3)) for rays in (origin, direction)]
    return local[0] - offset, local[1]


def _hit_box(origin: Tensor, direction: Tensor) -> Tensor:
    inverse = _not_zero(direction).reciprocal()
    middle, reach = origin * inverse, inverse.abs()  # of the slab, passed at -middle -+ reach
    enter, leave = -(middle + reach).amin(2), (reach - middle).amin(2)
    return torch.where(enter <= leave, enter, _FAR)


def _not_zero(direction: Tensor) -> Tensor:
    return torch.where(direction.abs() < _FLAT, _FLAT, direction)


def _hit_sphere(origin: Tensor, direction: Tensor) -> Tensor:
    return _quadratic(origin, direction)[0]


def _quadratic(origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    a = (direction**2).sum(2).clamp(min=_FLAT)
    b = (origin * direction).sum(2)
    c = (origin**2).sum(2) - 1
    inside = b * b - a * c
    root = inside.clamp(min=0).sqrt()
    return torch.where(inside >= 0, (-b - root) / a, _FAR), torch.where(inside >= 0, (-b + root) / a, -_FAR)


def _hit_cylinder(origin: Tensor, direction: Tensor) -> Tensor:
    enter, leave = _quadratic(origin[:, :, :2], direction[:, :, :2])
    z = direction[:, :, 2]
    inverse = _not_zero(z).reciprocal()
    middle, reach = origin[:, :, 2] * inverse, inverse.abs()
    enter, leave = enter.maximum(-middle - reach), leave.minimum(reach - middle)
    return torch.where(enter <= leave, enter, _FAR)


def surface_at(layout: Layout, point: Tensor, what: Tensor) -> tuple[Tensor, Tensor]:
    """Local position and outward normal of hit points.

    Args:
        layout: B rooms.
        point: (B, N, 3) hit points, metres, world.
        what: (B, N) what was hit, as returned by :func:`cast_rays`.

    Returns:
        (B, N, 3) position in the frame of the primitive (of the room for its surfaces), metres; (B, N, 3) unit normal,
        world.
    """
    slot = (what - SURFACES).clamp(min=0)
    pick = slot[..., None].expand(-1, -1, 3)
    half, centre = layout.half.gather(1, pick).clamp(min=_FLAT), layout.centre.gather(1, pick)
    rotation = layout.rotation.flatten(2).gather(1, slot[..., None].expand(-1, -1, 9)).unflatten(-1, (3, 3))
    local = ((point - centre)[..., None, :] @ rotation)[..., 0, :]
    unit = local / half
    kind = torch.tensor(KINDS, device=point.device)[slot]
    box_axis = unit.abs().argmax(-1)
    cap = unit[..., 2].abs() > 1 - 1e-3
    axis = torch.where(kind == BOX, box_axis, torch.full_like(box_axis, 2))
    flat = torch.nn.functional.one_hot(axis, 3) * unit.sign()
    ellipsoid = unit / half
    radial = ellipsoid * torch.tensor([1.0, 1.0, 0.0], device=point.device)
    round_normal = torch.where((kind == SPHERE)[..., None], ellipsoid, radial)
    is_round = (kind == SPHERE) | ((kind == CYLINDER) & ~cap)
    normal = torch.nn.functional.normalize(torch.where(is_round[..., None], round_normal, flat), dim=-1)
    normal = (rotation @ normal[..., None])[..., 0]
    wall = what < SURFACES
    inward = (
        torch.nn.functional.one_hot((what.clamp(max=SURFACES - 1) // 2), 3)
        * torch.where(what % 2 == 0, 1.0, -1.0)[..., None]
    )
    return torch.where(wall[..., None], point, local), torch.where(wall[..., None], inward, normal)
