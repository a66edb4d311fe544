"""Eight named rigid objects: meshes in millimetres, origin at the centre of their box, z up; some symmetric, some not.

Those of one colour are recognised by their shape alone; of the painted box the shape is symmetric and the paint is not.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from mmvd.datasets.meshes import trimesh_module

_EDGE_MM = 25.0  # longest edge of a face
_HALF_TURNS = [np.diag([1, -1, -1, 1]), np.diag([-1, 1, -1, 1]), np.diag([-1, -1, 1, 1])]
_QUARTER = np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


@dataclass(frozen=True)
class RigidObject:
    """One object.

    Attributes:
        name: Its name.
        parts: Makes its parts, each a mesh and its colour (R, G, B).
        discrete: (4, 4) motions that leave it as it is, without the identity.
        is_round: Whether every turn about z leaves it as it is.
    """

    name: str
    parts: Callable[[], list]
    discrete: tuple = ()
    is_round: bool = False


def _box(extents, centre, colour):
    mesh = trimesh_module().creation.box(extents)
    mesh.apply_translation(centre)
    return mesh, colour


def _cylinder(radius, height, centre, colour):
    mesh = trimesh_module().creation.cylinder(radius, height, sections=48)
    mesh.apply_translation(centre)
    return mesh, colour


def _wedge():
    corners = [(x, y, z) for x in (-60, 60) for y, z in ((-100, -60), (100, -60), (-100, 60))]
    mesh = trimesh_module().convex.convex_hull(np.array(corners, float))
    return [(mesh, (70, 140, 200))]


def _mug():
    clay = (205, 90, 60)
    return [
        _cylinder(55, 130, (0, 0, 0), clay),
        _box((60, 16, 16), (75, 0, 40), clay),
        _box((60, 16, 16), (75, 0, -20), clay),
        _box((16, 16, 76), (97, 0, 10), clay),
    ]


def _chair():
    wood = (150, 105, 60)
    legs = [_box((18, 18, 110), (x, y, -75), wood) for x in (-70, 70) for y in (-70, 70)]
    return [_box((160, 160, 20), (0, 0, -15), wood), _box((160, 20, 160), (0, 70, 70), wood), *legs]


def _painted_box():
    return [
        _box((180, 130, 90), (0, 0, 0), (230, 200, 60)),
        _box((60, 130.4, 90.4), (-60.2, 0, 0), (40, 60, 160)),
        _box((180.4, 130.4, 20), (0, 0, 35.4), (190, 40, 50)),
    ]


_QUARTERS = [np.linalg.matrix_power(_QUARTER, k) for k in range(4)]
_OF_A_SQUARE = [turn @ flip for flip in (np.eye(4), _HALF_TURNS[0]) for turn in _QUARTERS][1:]

OBJECTS = (
    RigidObject(
        'bracket',
        lambda: [_box((220, 70, 50), (0, 0, -65), (90, 170, 90)), _box((50, 70, 130), (-85, 0, 25), (90, 170, 90))],
    ),
    RigidObject('wedge', _wedge),
    RigidObject('mug', _mug),
    RigidObject('chair', _chair),
    RigidObject('painted box', _painted_box),
    RigidObject('box', lambda: [_box((200, 130, 80), (0, 0, 0), (200, 200, 195))], tuple(_HALF_TURNS)),
    RigidObject('plate', lambda: [_box((210, 210, 30), (0, 0, 0), (160, 120, 190))], tuple(_OF_A_SQUARE)),
    RigidObject('cylinder', lambda: [_cylinder(60, 190, (0, 0, 0), (230, 130, 170))], (_HALF_TURNS[0],), True),
)


def build(thing: RigidObject):
    """Mesh and entry of ``models_info.json``.

    Returns:
        :class:`trimesh.Trimesh` in mm with coloured faces no longer than 25 mm, and a dict of diameter, box and
        symmetries.
    """
    meshes = []
    for mesh, colour in thing.parts():
        fine = mesh.subdivide_to_size(_EDGE_MM)
        fine.visual.face_colors = (*colour, 255)
        meshes.append(fine)
    whole = trimesh_module().util.concatenate(meshes)
    whole.apply_translation(-whole.bounds.mean(0))
    points = np.asarray(whole.vertices)
    low, size = points.min(0), np.ptp(points, 0)
    info = dict(diameter=float(pdist(points[ConvexHull(points).vertices]).max()))
    info.update({f'min_{axis}': float(value) for axis, value in zip('xyz', low, strict=True)})
    info.update({f'size_{axis}': float(value) for axis, value in zip('xyz', size, strict=True)})
    if thing.discrete:
        info['symmetries_discrete'] = [each.astype(float).flatten().tolist() for each in thing.discrete]
    if thing.is_round:
        info['symmetries_continuous'] = [dict(axis=[0, 0, 1], offset=[0, 0, 0])]
    return whole, info
