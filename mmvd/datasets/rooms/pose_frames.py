"""Frames of rooms with named rigid objects in known poses."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from mmvd.datasets.meshes import MeshRenderer
from mmvd.datasets.sample_key import sample_key

from .render import render_rooms
from .rigid_objects import OBJECTS, build
from .sensor import sense

NEAREST_MM, FARTHEST_MM = 600.0, 1800.0
_FEWEST, _MOST, _TRIES = 2, 6, 20
_AMBIENT, _LAMP = 0.45, 0.6


@dataclass
class PoseFrame:
    """A frame.

    Attributes:
        rgb: (H, W, 3) uint8, RGB order.
        depth_m: (H, W) float32 metres, through the sensor model, 0 = missing.
        intrinsics: (3, 3) float64.
        obj_ids: (N,) ids, from 1 in the order of ``OBJECTS``.
        rotations: (N, 3, 3) object to camera.
        translations_mm: (N, 3).
        whole_masks: (N, 3H, 3W) bool, each object alone, in a canvas whose middle is the image.
        visible_masks: (N, H, W) bool.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    intrinsics: np.ndarray
    obj_ids: np.ndarray
    rotations: np.ndarray
    translations_mm: np.ndarray
    whole_masks: np.ndarray
    visible_masks: np.ndarray


class PoseFrames:
    """Draws frames, each from (seed, index) alone.

    Two to six different objects stand or float anywhere in view, half of them upright, half turned at will. Their
    centre lies before what the room has there, where some twenty tries find such a place; they hide each other, and run
    into each other and into the room.

    Args:
        size: (height, width) in pixels.
        field_deg: Least and largest field of view, alike for one camera.
        seed: Seed of the data.
    """

    def __init__(self, size: tuple[int, int], field_deg: tuple[float, float] = (55.0, 80.0), seed: int = 0):
        self.size, self.field_deg, self.seed = size, field_deg, seed
        built = [build(thing) for thing in OBJECTS]
        self.renderers = [MeshRenderer(mesh) for mesh, _ in built]
        self.diameters = [info['diameter'] for _, info in built]

    def __getitem__(self, index: int) -> PoseFrame:
        key = sample_key(self.seed, 0, index)
        keys = torch.tensor([key])
        room = render_rooms(keys, *self.size, sensor=True, field_deg=self.field_deg)
        random = np.random.Generator(np.random.Philox(key=key))
        K, exact = room.intrinsics[0].double().numpy(), room.exact_depth[0].double().numpy() * 1000
        ids, turns, shifts = self._place(random, K, exact, room.camera[0, :3, :3].double().numpy())
        rgb, depth, shown = room.rgb[0].numpy().copy(), exact.copy(), np.full(self.size, -1)
        cosine, light = np.ones(self.size), random.normal(size=3) + [0, -1.5, -1]
        light /= np.linalg.norm(light)
        wholes, brightness = [], random.uniform(0.7, 1.1)
        for number, (which, R, t) in enumerate(zip(ids, turns, shifts, strict=True)):
            whole, faces = self._canvas(which, R, t, K)
            wholes.append(whole > 0)
            part = np.s_[self.size[0] : 2 * self.size[0], self.size[1] : 2 * self.size[1]]
            nearer = (whole[part] > 0) & (whole[part] < depth)
            mesh, seen = self.renderers[which].mesh, faces[part][nearer]
            normals = mesh.face_normals[seen] @ R.T
            shade = brightness * (_AMBIENT + _LAMP * np.clip(normals @ light, 0, None))
            colours = mesh.visual.face_colors[seen, :3] * shade[:, None]
            rgb[nearer] = np.clip(colours + random.normal(0, 3, colours.shape), 0, 255).astype(np.uint8)
            depth[nearer], shown[nearer] = whole[part][nearer], number
            cosine[nearer] = np.abs(normals[:, 2])
        measured = self._measure(keys, depth, cosine, rgb)
        measured = np.where(shown >= 0, measured, room.depth[0].numpy())
        visible = shown == np.arange(len(ids))[:, None, None]
        return PoseFrame(rgb, measured, K, ids + 1, turns, shifts, np.array(wholes), visible)

    def _place(self, random, K, exact, to_world):
        """Which objects, (N, 3, 3) rotations and (N, 3) translations in mm, each in front of what is there."""
        height, width = self.size
        chosen = random.permutation(len(OBJECTS))[: random.integers(_FEWEST, _MOST + 1)]
        turns, shifts = [], []
        for which in chosen:
            upright = Rotation.from_euler('z', random.uniform(0, 2 * np.pi)).as_matrix()
            anyhow = Rotation.from_quat(random.normal(size=4)).as_matrix()
            turns.append(to_world.T @ upright if random.random() < 0.5 else anyhow)
            for _ in range(_TRIES):
                u, v = random.uniform(0.08, 0.92) * width, random.uniform(0.08, 0.92) * height
                z = random.uniform(NEAREST_MM, FARTHEST_MM)
                if z + self.diameters[which] / 2 < exact[int(v), int(u)]:
                    break
            else:
                z = NEAREST_MM
            shifts.append(z * (np.linalg.inv(K) @ [u, v, 1]))
        return chosen, np.array(turns), np.array(shifts)

    def _canvas(self, which: int, R, t, K) -> tuple[np.ndarray, np.ndarray]:
        """Depth and faces of one object in three times the image, as BOP counts its pixels."""
        height, width = self.size
        moved = K + np.array([[0, 0, width], [0, 0, height], [0, 0, 0]])
        return self.renderers[which].surface(R, t, moved, (3 * height, 3 * width))

    @staticmethod
    def _measure(keys: torch.Tensor, depth_mm: np.ndarray, cosine: np.ndarray, rgb: np.ndarray) -> np.ndarray:
        maps = [torch.from_numpy(x).float()[None] for x in (depth_mm / 1000, cosine, rgb / 255)]
        return sense(keys, *maps, torch.zeros(maps[0].shape, dtype=torch.bool))[0].numpy()
