"""Random rooms as batched tensors: primitives with poses, and a camera in a free corner. World axes.

X, y on the floor, z up; metres.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmvd.ops import choose, uniform

from . import catalogue as cat

BOX, SPHERE, CYLINDER = 0, 1, 2
_BOXES = cat.FURNITURE_CELLS * cat.FURNITURE_PARTS + cat.PICTURES + cat.BOARDS
KINDS = (BOX,) * _BOXES + (SPHERE,) * cat.BALLS + (CYLINDER,) * (cat.BINS + 2)  # a lamp is two cylinders
_STREAM = 100


@dataclass
class Layout:
    """A batch of rooms; P primitives, O objects.

    Attributes:
        scene: (B,) int64 index into ``SCENES``.
        room: (B, 3) extent; x and y are centred at 0, z starts at 0.
        centre, half: (B, P, 3) primitive centre and half size; half 0 means that the slot is empty.
        rotation: (B, P, 3, 3) primitive axes -> world.
        owner: (P,) int64 object of each primitive.
        object_class: (B, O) int64.
        object_pose: (B, O, 4, 4) object -> world.
        camera: (B, 4, 4) camera (x right, y down, z forward) -> world.
        light: (B, 3) position of the lamp at the ceiling.
    """

    scene: Tensor
    room: Tensor
    centre: Tensor
    half: Tensor
    rotation: Tensor
    owner: Tensor
    object_class: Tensor
    object_pose: Tensor
    camera: Tensor
    light: Tensor


def yaw_rotation(angle: Tensor) -> Tensor:
    """(...) radians -> (..., 3, 3) rotation about z."""
    c, s, o, i = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack((c, -s, o, s, c, o, o, o, i), -1).unflatten(-1, (3, 3))


def tilt_rotation(angle: Tensor) -> Tensor:
    """(...) radians -> (..., 3, 3) rotation about x."""
    c, s, o, i = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack((i, o, o, o, c, -s, o, s, c), -1).unflatten(-1, (3, 3))


def _between(low: float, high: float, u: Tensor) -> Tensor:
    return low + (high - low) * u


def sample_layout(keys: Tensor) -> Layout:
    """Draw one room per key: (B,) int64 -> :class:`Layout` on the device of the keys."""
    u = uniform(keys, _STREAM, 8)
    scene = choose(keys, _STREAM + 1, len(cat.SCENES))
    room = torch.stack((_between(3.6, 7.5, u[:, 0]), _between(3.6, 7.5, u[:, 1]), _between(2.3, 3.1, u[:, 2])), 1)
    camera_cell = _border_cells(keys.device)[choose(keys, _STREAM + 2, 8)]
    groups = [
        _furniture(keys, scene, room, camera_cell),
        _pictures(keys, room),
        _boards(keys, room),
        _balls(keys, room),
        _bins(keys, room),
        _lamp(keys, room),
    ]
    centre, half, rotation, classes, poses = (torch.cat(parts, 1) for parts in zip(*groups, strict=True))
    light = torch.stack(
        (_between(-0.3, 0.3, u[:, 3]) * room[:, 0], _between(-0.3, 0.3, u[:, 4]) * room[:, 1], room[:, 2] - 0.15), 1
    )
    return Layout(
        scene,
        room,
        centre,
        half,
        rotation,
        _owners(keys.device),
        classes,
        poses,
        _camera(keys, room, camera_cell),
        light,
    )


def _owners(device: torch.device) -> Tensor:
    singles = cat.PICTURES + cat.BOARDS + cat.BALLS + cat.BINS
    first = cat.FURNITURE_CELLS
    furniture = torch.arange(first, device=device).repeat_interleave(cat.FURNITURE_PARTS)
    return torch.cat(
        (furniture, torch.arange(first, first + singles, device=device), furniture.new_full((2,), first + singles))
    )


def _border_cells(device: torch.device) -> Tensor:
    return torch.tensor([0, 1, 2, 3, 5, 6, 7, 8], device=device)  # of the 3 x 3 grid, without its centre


def _object(rotation: Tensor, centre: Tensor) -> Tensor:
    pose = torch.eye(4, device=centre.device).expand(*centre.shape[:-1], 4, 4).clone()
    pose[..., :3, :3], pose[..., :3, 3] = rotation, centre
    return pose


def _furniture(keys: Tensor, scene: Tensor, room: Tensor, camera_cell: Tensor) -> tuple[Tensor, ...]:
    device, cells = keys.device, cat.FURNITURE_CELLS
    u = uniform(keys, _STREAM + 3, cells * 6).view(-1, cells, 6)
    frequency = cat.cumulative_frequency().to(device)[scene]
    kind = (u[..., :1] >= frequency[:, None, :]).sum(-1)
    here = (kind < len(cat.FURNITURE)) & (torch.arange(cells, device=device) != camera_cell[:, None])
    kind = kind.clamp(max=len(cat.FURNITURE) - 1)
    limits = cat.size_limits().to(device)[kind]
    size = limits[:, :, 0] + (limits[:, :, 1] - limits[:, :, 0]) * u[..., 1:4]
    column, row = torch.arange(cells, device=device) % 3 - 1, torch.arange(cells, device=device) // 3 - 1
    yaw = torch.tensor([0, 0, 0, torch.pi / 2, 0, -torch.pi / 2, torch.pi, torch.pi, torch.pi], device=device)
    yaw = yaw.flip(0) + torch.zeros_like(u[..., 0])  # rows ascend with y: the back faces the nearest wall
    yaw = torch.where((column == 0) & (row == 0), 2 * torch.pi * u[..., 4], yaw)
    cell = room[:, None, :2] / 3
    turned = (torch.stack((column, row), -1) != 0)[None, :, 0] & (row == 0)[None]
    reach = torch.where(turned[..., None], size[..., [1, 0]], size[..., :2])
    reach = torch.where(
        (row == 0)[None, :, None] & (column == 0)[None, :, None], size[..., :2].norm(dim=-1, keepdim=True), reach
    )
    size = torch.cat((size[..., :2] * (0.92 * cell / reach).amin(-1, keepdim=True).clamp(max=1), size[..., 2:]), -1)
    reach = torch.where(turned[..., None], size[..., [1, 0]], size[..., :2])
    place = torch.stack((column, row), -1) * (cell + (cell - reach) / 2 - 0.01)
    base = torch.cat((place, torch.zeros_like(place[..., :1])), -1)
    rotation = yaw_rotation(yaw)
    parts = cat.part_boxes().to(device)[kind]
    low, high = parts[..., ::2], parts[..., 1::2]
    shift = torch.tensor([0.5, 0.5, 0.0], device=device)
    local = ((low + high) / 2 - shift) * size[:, :, None]
    half = (high - low) / 2 * size[:, :, None] * here[..., None, None]
    centre = base[:, :, None] + torch.einsum('bcij,bcpj->bcpi', rotation, local)
    spread = rotation[:, :, None].expand(-1, -1, cat.FURNITURE_PARTS, -1, -1)
    classes = cat.furniture_classes().to(device)[kind]
    return centre.flatten(1, 2), half.flatten(1, 2), spread.flatten(1, 2), classes, _object(rotation, base)


def _pictures(keys: Tensor, room: Tensor) -> tuple[Tensor, ...]:
    u = uniform(keys, _STREAM + 4, cat.PICTURES * 4).view(-1, cat.PICTURES, 4)
    yaw = torch.arange(cat.PICTURES, device=keys.device) * (torch.pi / 2) + torch.zeros_like(u[..., 0])
    rotation = yaw_rotation(yaw)
    across, depth = (room[:, [i, j]] for i, j in ((0, 1), (1, 0)))
    along = _between(-0.3, 0.3, u[..., 0]) * across.repeat(1, 2)
    local = torch.stack((along, depth.repeat(1, 2) / 2 - 0.02, _between(1.3, 1.7, u[..., 1])), -1)
    half = torch.stack(
        (_between(0.2, 0.6, u[..., 2]), torch.full_like(u[..., 0], 0.02), _between(0.2, 0.45, u[..., 3])), -1
    )
    centre = torch.einsum('bpij,bpj->bpi', rotation, local)
    return _single(centre, half, rotation, 'picture')


def _boards(keys: Tensor, room: Tensor) -> tuple[Tensor, ...]:
    u = uniform(keys, _STREAM + 5, cat.BOARDS * 6).view(-1, cat.BOARDS, 6)
    rotation = yaw_rotation(2 * torch.pi * u[..., 0]) @ tilt_rotation(_between(-1.2, 1.2, u[..., 1]))
    half = torch.stack(
        (_between(0.2, 0.5, u[..., 2]), torch.full_like(u[..., 0], 0.012), _between(0.3, 0.6, u[..., 3])), -1
    )
    height = (rotation[..., 2, :].abs() * half).sum(-1)  # stands on the floor
    return _single(_on_floor(u[..., 4:6], room, height), half, rotation, 'board')


def _balls(keys: Tensor, room: Tensor) -> tuple[Tensor, ...]:
    u = uniform(keys, _STREAM + 6, cat.BALLS * 3).view(-1, cat.BALLS, 3)
    radius = _between(0.1, 0.28, u[..., 0])
    half = radius[..., None].expand(-1, -1, 3)
    return _single(_on_floor(u[..., 1:3], room, radius), half, yaw_rotation(torch.zeros_like(radius)), 'ball')


def _bins(keys: Tensor, room: Tensor) -> tuple[Tensor, ...]:
    u = uniform(keys, _STREAM + 7, cat.BINS * 4).view(-1, cat.BINS, 4)
    radius, height = _between(0.12, 0.22, u[..., 0]), _between(0.15, 0.4, u[..., 1])
    return _single(
        _on_floor(u[..., 2:4], room, height),
        torch.stack((radius, radius, height), -1),
        yaw_rotation(torch.zeros_like(radius)),
        'bin',
    )


def _lamp(keys: Tensor, room: Tensor) -> tuple[Tensor, ...]:
    u = uniform(keys, _STREAM + 8, 4)
    side = torch.where(u[:, :2] < 0.5, -1.0, 1.0)
    foot = side * (room[:, :2] / 6)  # where four places meet, clear of the furniture
    tall = _between(0.65, 0.8, u[:, 2])
    one = torch.ones_like(tall)
    half = torch.stack(
        (torch.stack((0.02 * one, 0.02 * one, tall), 1), torch.stack((0.18 * one, 0.18 * one, 0.12 * one), 1)), 1
    )
    centre = torch.stack((torch.cat((foot, tall[:, None]), 1), torch.cat((foot, 2 * tall[:, None]), 1)), 1)
    rotation = yaw_rotation(torch.zeros_like(centre[..., 0]))
    base = torch.cat((foot, torch.zeros_like(foot[:, :1])), 1)[:, None]
    classes = torch.full((len(keys), 1), cat.CLASSES.index('lamp'), device=keys.device)
    return centre, half, rotation, classes, _object(rotation[:, :1], base)


def _on_floor(u: Tensor, room: Tensor, height: Tensor) -> Tensor:
    return torch.cat(((u - 0.5) * 0.8 * room[:, None, :2], height[..., None]), -1)


def _single(centre: Tensor, half: Tensor, rotation: Tensor, name: str) -> tuple[Tensor, ...]:
    classes = torch.full(centre.shape[:2], cat.CLASSES.index(name), device=centre.device)
    return centre, half, rotation, classes, _object(rotation, centre)


def _camera(keys: Tensor, room: Tensor, cell: Tensor) -> Tensor:
    u = uniform(keys, _STREAM + 9, 8)
    position = torch.stack(((cell % 3 - 1) * 0.36, (cell // 3 - 1) * 0.36), 1) * room[:, :2]
    eye = torch.cat((position + (u[:, :2] - 0.5) * 0.2, _between(0.9, 1.9, u[:, 2:3])), 1)
    target = torch.cat(((u[:, 3:5] - 0.5) * 0.5 * room[:, :2], _between(0.3, 1.2, u[:, 5:6])), 1)
    forward = torch.nn.functional.normalize(target - eye, dim=1)
    up = torch.tensor([0.0, 0.0, 1.0], device=keys.device).expand_as(forward)
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, up), dim=1)
    down = torch.linalg.cross(forward, right)
    roll = _between(-0.08, 0.08, u[:, 6:7])
    axes = torch.stack((right * roll.cos() + down * roll.sin(), down * roll.cos() - right * roll.sin(), forward), -1)
    return _object(axes, eye)
