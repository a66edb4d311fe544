"""Files of the BOP layout: cameras, poses, targets and object models, each judged as it is read."""

import json
import math
from collections.abc import Collection
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np

from mmvd.arguments import check_int, check_number, check_positive, check_row
from mmvd.errors import ConfigError, MissingInputsError, SampleError

from .archives import is_file, located, read_bytes
from .cameras import check_pinhole, project

_BOXES, _TARGET = ('bbox_obj', 'bbox_visib'), ('scene_id', 'im_id', 'obj_id', 'inst_count')
_SIDES = tuple(f'{name}_{axis}' for name in ('min', 'size') for axis in 'xyz')
_SMALLEST_MM = 5.0  # of an object's diameter
_NOT_A_ROTATION = 1e-3  # the official files keep six digits
_BEYOND_PX, _BEYOND_SHARE = 3, 0.05  # of an outline: models and boxes are not of one making everywhere


def read_frames(path: Path) -> dict[str, object]:
    """What a file of a scene says of each frame, e.g. ``scene_gt.json``.

    Raises:
        MissingInputsError: If there is no such file.
        SampleError: If it is damaged.
    """
    if not is_file(path):
        raise MissingInputsError(f'{path}: no such file, what it says of the scene is unknown')
    try:
        frames = json.loads(read_bytes(path))
    except (OSError, ValueError, RecursionError) as error:
        raise SampleError(f'{path}: no readable JSON ({error}), copy or unpack the file again') from error
    if not isinstance(frames, dict):
        raise SampleError(f'{path}: a {type(frames).__name__} where an entry for each frame is expected')
    return frames


def camera_of(camera: object, source: str) -> tuple[float, np.ndarray]:
    """Millimetres per file step and (3, 3) float32 intrinsics of a frame in ``scene_camera.json``.

    Raises:
        MissingInputsError: If the file does not know the frame.
        ConfigError: If its values are no camera.
    """
    if not isinstance(camera, dict) or not {'depth_scale', 'cam_K'} <= camera.keys():
        raise MissingInputsError(f'{source}: no entry with depth_scale and cam_K')
    matrix = np.array(check_row(source, 'cam_K', camera['cam_K'], 9, check_number)).reshape(3, 3).astype(np.float32)
    scale = float(check_positive(source, 'depth_scale', camera['depth_scale']))
    return scale, check_pinhole(matrix, f'{source}, cam_K')


def poses_of(
    poses: object,
    infos: object,
    known: Collection[int],
    source: str,
    others: bool = False,
    min_visib_fract: float = -math.inf,
) -> list[dict]:
    """Objects of a frame in ``scene_gt.json`` and ``scene_gt_info.json``.

    Args:
        poses: Objects with ``obj_id``, ``cam_R_m2c`` and ``cam_t_m2c``.
        infos: In the same order ``bbox_obj``, ``bbox_visib`` and ``visib_fract``.
        known: Ids of the objects that count.
        source: File and frame, for errors.
        others: Whether objects of other ids are left out, else an error.
        min_visib_fract: Objects of which less is visible are left out before their pose is judged. Hidden ones that lie
            behind the camera are always left out.

    Returns:
        For each object that counts ``obj_id``, ``instance`` (its place in the frame), ``rotation`` (9 numbers, rows,
        from object to camera), ``translation_mm`` (3), ``bbox_obj`` and ``bbox_visib`` (x1, y1, x2, y2 in pixels, whole
        and visible outline; None where nothing is visible) and ``visib_fract``.

    Raises:
        SampleError: If both do not fit, a rotation is none, or an object has no model.
    """
    if not isinstance(poses, list) or not isinstance(infos, list) or len(poses) != len(infos):
        raise SampleError(f'{source}: scene_gt.json and scene_gt_info.json do not list the same objects')
    found = []
    for number, (pose, info) in enumerate(zip(poses, infos, strict=True)):
        where = f'{source}, object {number}'
        each = dict(instance=number, **_object_of(pose, info, where))
        if each['visib_fract'] < min_visib_fract or (others and each['obj_id'] not in known):
            continue
        if each['obj_id'] not in known:
            raise SampleError(
                f'{where}: obj_id {each["obj_id"]} is not in models_info.json ({", ".join(map(str, known))}): name the '
                'objects that count'
            )
        if each['visib_fract'] <= 0 and each['translation_mm'][2] <= 0:
            continue
        check_rotation(np.array(each['rotation']).reshape(3, 3), where)
        if each['translation_mm'][2] <= 0:
            raise SampleError(f'{where}: cam_t_m2c={each["translation_mm"]} lies behind the camera')
        found.append(each)
    return found


def _object_of(pose: object, info: object, where: str) -> dict:
    try:
        return dict(
            obj_id=check_int(where, 'obj_id', pose['obj_id']),
            rotation=list(map(float, check_row(where, 'cam_R_m2c', pose['cam_R_m2c'], 9, check_number))),
            translation_mm=list(map(float, check_row(where, 'cam_t_m2c', pose['cam_t_m2c'], 3, check_number))),
            visib_fract=float(check_number(where, 'visib_fract', info['visib_fract'])),
            **{name: _corners(check_row(where, name, info[name], 4, check_number)) for name in _BOXES},
        )
    except (KeyError, TypeError, ConfigError) as error:
        reason = error if isinstance(error, ConfigError) else f'{where}: no entry {error}'
        raise SampleError(str(reason)) from error


def _corners(box: tuple) -> list[float] | None:
    """(x, y, width, height) -> (x1, y1, x2, y2), outer edges; BOP's width is that from the first to the last pixel."""
    x, y, width, height = map(float, box)
    return None if width < 0 or height < 0 else [x, y, x + width + 1, y + height + 1]


def _check_size(info: dict, where: str) -> None:
    """The diameter lies between the longest side and the diagonal of the 3D box."""
    for side in info.keys() & set(_SIDES):
        check_number(where, side, info[side])
    if info.keys() >= set(_SIDES):
        size = [info[side] for side in _SIDES[3:]]
        if not max(size) * 0.95 <= info['diameter'] <= np.linalg.norm(size) * 1.05:
            raise SampleError(f'{where}: a diameter of {info["diameter"]:g} mm does not go with sides of {size}')


def _check_symmetries(info: dict, where: str) -> None:
    """Rotations, and shifts that leave the object where it is; its origin may lie outside of it."""
    reach = np.linalg.norm(_corners_of_model(info), axis=1).max() or math.inf
    for transform in info.get('symmetries_discrete', ()):
        matrix = np.array(check_row(where, 'symmetries_discrete', transform, 16, check_number)).reshape(4, 4)
        check_rotation(matrix[:3, :3], f'{where}, symmetries_discrete')
        if matrix[3].tolist() != [0, 0, 0, 1] or np.linalg.norm(matrix[:3, 3]) > 2 * reach:
            raise SampleError(f'{where}: symmetries_discrete={matrix.tolist()}, in rows, leads out of the object')
    for symmetry in info.get('symmetries_continuous', ()):
        axis = check_row(where, 'axis', symmetry['axis'], 3, check_number)
        if np.linalg.norm(check_row(where, 'offset', symmetry['offset'], 3, check_number)) > 2 * reach:
            raise SampleError(f'{where}: an axis of symmetry through {symmetry["offset"]} lies far from the object')
        check_positive(where, 'length of the axis', float(np.linalg.norm(axis)))


def check_places(poses: list[dict], camera: np.ndarray, models: dict[int, dict], source: str) -> None:
    """See that objects are where the camera of their image sees them.

    The camera is in no object that is seen: such poses are in metres. And nothing of an object is seen beyond the eight
    corners of its 3D box (``min_x``, ``size_x``, ... of the models; those without are not judged): such boxes belong to
    an image of another size than the intrinsics.

    Args:
        poses: What :func:`poses_of` found.
        camera: (3, 3) intrinsics in pixels.
        models: What :func:`read_models_info` found.
        source: File and frame, for errors.

    Raises:
        SampleError: If a pose is no further away than the radius of its object, or a box goes further beyond than 3
            pixels and a twentieth of the outline of the corners.
    """
    for each in poses:
        where, info = f'{source}, object {each["obj_id"]}', models[each['obj_id']]
        corners = _corners_of_model(info)
        points = corners @ np.reshape(each['rotation'], (3, 3)).T + each['translation_mm']
        away_mm = float(np.linalg.norm(points.mean(0)))
        if each['visib_fract'] > 0 and away_mm < info['diameter'] / 2:
            raise SampleError(f'{where} is {away_mm:.3g} mm away, and the camera within it: is cam_t_m2c in metres?')
        if len(points) == 1 or each['bbox_obj'] is None or points[:, 2].min() <= 0:
            continue
        pixels = project(points, camera)
        low, high = pixels.min(0), pixels.max(0)
        box = np.reshape(each['bbox_obj'], (2, 2))
        beyond = max((low - box[0]).max(), (box[1] - high).max())
        if beyond > _BEYOND_PX + _BEYOND_SHARE * (high - low).max():
            raise SampleError(
                f'{where}: its box goes {beyond:.0f} pixels beyond what the camera sees of it: are the intrinsics '
                'those of an image of another size?'
            )


def _corners_of_model(info: dict) -> np.ndarray:
    """(8, 3) corners of the 3D box in mm; where the file has none, (1, 3), the origin."""
    if not info.keys() >= set(_SIDES):
        return np.zeros((1, 3))
    low, size = np.reshape([info[side] for side in _SIDES], (2, 3))
    return np.array(list(product(*zip(low, low + size, strict=True))))


def check_rotation(matrix: np.ndarray, owner: str) -> None:
    """See that a (3, 3) matrix is a rotation.

    Raises:
        SampleError: If it is none, or a reflection.
    """
    if not np.isfinite(matrix).all() or np.abs(matrix @ matrix.T - np.eye(3)).max() > _NOT_A_ROTATION:
        raise SampleError(f'{owner}: {matrix.round(4).tolist()} is no rotation')
    if np.linalg.det(matrix) < 0:
        raise SampleError(f'{owner}: {matrix.round(4).tolist()} is a reflection (determinant -1)')


def read_targets(path: Path) -> list[dict]:
    """What is to be found, e.g. ``test_targets_bop19.json``: ``scene_id``, ``im_id``, ``obj_id``, ``inst_count``.

    Raises:
        MissingInputsError: If there is no such file.
        SampleError: If it is damaged, or empty.
    """
    path = located(path.parent, path.name)
    if not is_file(path):
        raise MissingInputsError(f'{path}: no such list of targets')
    try:
        targets = [
            {key: check_int(str(path), key, target[key], 0) for key in _TARGET}
            for target in json.loads(read_bytes(path))
        ]
    except (OSError, ValueError, TypeError, KeyError, RecursionError, ConfigError) as error:
        raise SampleError(f'{path}: no list of targets with {", ".join(_TARGET)} ({error!r})') from error
    if not targets:
        raise SampleError(f'{path}: an empty list of targets, nothing is to be found')
    return targets


def model_file(folder: Path, name: str) -> Path:
    """A file of a folder of object models, on disk or in an archive beside the folder."""
    return located(folder.parent, f'{folder.name}/{name}')


@lru_cache
def read_models_info(folder: Path) -> dict[int, dict]:
    """Object models by id out of ``models_info.json``: ``diameter`` in mm, and symmetries where an object has some.

    Raises:
        MissingInputsError: If there is no such file.
        SampleError: If a model has no diameter, or a symmetry that is none.
    """
    path = model_file(folder, 'models_info.json')
    models = {}
    for key, info in read_frames(path).items():
        where = f'{path}, object {key}'
        if not (key.isdecimal() and len(key) < 10) or not isinstance(info, dict) or 'diameter' not in info:
            raise SampleError(f'{where}: an entry of an object id with a diameter in mm is expected')
        try:
            if check_positive(where, 'diameter', info['diameter']) < _SMALLEST_MM:
                raise SampleError(f'{where}: a diameter of {info["diameter"]:g} mm: is the model in metres?')
            _check_size(info, where)
            _check_symmetries(info, where)
        except (ConfigError, KeyError, TypeError) as error:
            reason = error if isinstance(error, ConfigError) else f'{where}: no readable symmetry ({error!r})'
            raise SampleError(str(reason)) from error
        models[int(key)] = info
    if not models:
        raise SampleError(f'{path}: no object at all')
    return dict(sorted(models.items()))


def read_model_info(folder: Path, obj_id: int) -> dict:
    """What :func:`read_models_info` knows of one object.

    Raises:
        ConfigError: If it knows nothing of it.
    """
    models = read_models_info(folder)
    if obj_id not in models:
        raise ConfigError(f'{folder}: has no object {obj_id}, only {", ".join(map(str, models))}')
    return models[obj_id]
