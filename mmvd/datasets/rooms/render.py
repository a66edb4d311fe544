"""Keys in, labelled RGB-D frames out, batched on the device of the keys."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmvd.ops import uniform

from . import catalogue as cat
from .layout import Layout, sample_layout
from .raycast import cast_rays, surface_at
from .sensor import sense
from .shading import albedo_at, light_up, sample_materials

_STREAM_CAMERA = 400


@dataclass
class Rooms:
    """A batch of frames; O object slots.

    Attributes:
        rgb: (B, H, W, 3) uint8, RGB order.
        depth: (B, H, W) float32 metres along the optical axis; exact, or as the sensor model sees it (0 = missing).
        exact_depth: (B, H, W) float32 metres.
        semantic: (B, H, W) int64 index into ``CLASSES``.
        instance: (B, H, W) int64, 0 = the room itself, 1 + o = object o.
        scene: (B,) int64 index into ``SCENES``.
        intrinsics: (B, 3, 3) pinhole matrix in pixels, pixel centres at integers.
        object_class: (B, O) int64.
        object_pose: (B, O, 4, 4) object -> camera, metres.
        visible_pixels: (B, O) int64.
        camera: (B, 4, 4) camera -> world, metres, z up.
    """

    rgb: Tensor
    depth: Tensor
    exact_depth: Tensor
    semantic: Tensor
    instance: Tensor
    scene: Tensor
    intrinsics: Tensor
    object_class: Tensor
    object_pose: Tensor
    visible_pixels: Tensor
    camera: Tensor


def _intrinsics(keys: Tensor, height: int, width: int, field_deg: tuple[float, float]) -> Tensor:
    low, high = field_deg
    field = torch.deg2rad(low + (high - low) * uniform(keys, _STREAM_CAMERA))
    focal = max(height, width) / 2 / (field / 2).tan()
    matrix = torch.zeros(len(keys), 3, 3, device=keys.device)
    matrix[:, 0, 0] = matrix[:, 1, 1] = focal
    matrix[:, 0, 2], matrix[:, 1, 2], matrix[:, 2, 2] = (width - 1) / 2, (height - 1) / 2, 1
    return matrix


def _rays(intrinsics: Tensor, camera: Tensor, height: int, width: int) -> Tensor:
    """(B, HW, 3) directions in the world whose camera z is 1, so that the ray parameter is depth."""
    v, u = torch.meshgrid(
        *(torch.arange(n, device=camera.device, dtype=torch.float32) for n in (height, width)), indexing='ij'
    )
    pixels = torch.stack((u, v, torch.ones_like(u)), -1).view(-1, 3)
    return pixels @ (camera[:, :3, :3] @ torch.linalg.inv(intrinsics)).transpose(1, 2)


def _label(layout: Layout, what: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Material index, semantic class and instance of what was hit."""
    objects = layout.owner[(what - cat.SURFACES).clamp(min=0)]
    surface = what < cat.SURFACES
    material = torch.where(surface, what, cat.SURFACES + objects)
    walls = torch.tensor(cat.SURFACE_CLASSES, device=what.device)[what.clamp(max=cat.SURFACES - 1)]
    semantic = torch.where(surface, walls, layout.object_class.gather(1, objects))
    return material, semantic, torch.where(surface, 0, objects + 1)


@torch.no_grad()
def render_rooms(
    keys: Tensor,
    height: int,
    width: int,
    sensor: bool = False,
    shuffle_textures: bool = False,
    field_deg: tuple[float, float] = (55.0, 80.0),
) -> Rooms:
    """Render one room per key.

    Args:
        keys: (B,) int64; a frame depends on its own key alone.
        height: Image height in pixels.
        width: Image width in pixels.
        sensor: Whether ``depth`` goes through the sensor model.
        shuffle_textures: Whether materials are drawn regardless of the class.
        field_deg: Least and largest field of view along the longer side in degrees; alike for one camera.

    Returns:
        The frames on the device of the keys.
    """
    layout = sample_layout(keys)
    intrinsics = _intrinsics(keys, height, width, field_deg)
    direction = _rays(intrinsics, layout.camera, height, width)
    eye = layout.camera[:, None, :3, 3]
    depth, what = cast_rays(layout, eye, direction)
    point = eye + direction * depth[..., None]
    local, normal = surface_at(layout, point, what)
    material, semantic, instance = _label(layout, what)
    materials = sample_materials(keys, layout, shuffle_textures)
    albedo = albedo_at(keys, materials, material, local)
    start = point + normal * 2e-3
    shadow, _ = cast_rays(layout, start, layout.light[:, None] - start)
    rgb = light_up(keys, layout, albedo, point, normal, shadow >= 1)
    shape = (len(keys), height, width)
    depth = depth.view(shape)
    shiny = materials.shiny.gather(1, material)
    seen = _sensed(keys, depth, normal, direction, albedo, shiny) if sensor else depth
    pose = torch.linalg.inv(layout.camera)[:, None] @ layout.object_pose
    return Rooms(
        (rgb * 255).round().to(torch.uint8).view(*shape, 3),
        seen,
        depth,
        semantic.view(shape),
        instance.view(shape),
        layout.scene,
        intrinsics,
        layout.object_class,
        pose,
        _visible_pixels(instance, layout.object_class.shape[1]),
        layout.camera,
    )


def _sensed(keys: Tensor, depth: Tensor, normal: Tensor, direction: Tensor, albedo: Tensor, shiny: Tensor) -> Tensor:
    """What the sensor model leaves of the depth."""
    shape = depth.shape
    cosine = -(normal * torch.nn.functional.normalize(direction, dim=-1)).sum(-1)
    return sense(keys, depth, cosine.view(shape), albedo.view(*shape, 3), shiny.view(shape))


def _visible_pixels(instance: Tensor, objects: int) -> Tensor:
    """(B, objects) int64 counts of the pixels of each object."""
    counts = instance.new_zeros(len(instance), objects + 1)
    return counts.scatter_add_(1, instance, torch.ones_like(instance))[:, 1:]
