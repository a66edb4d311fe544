"""Writing a dataset in the layout of the BOP challenge."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mmvd.errors import ConfigError
from mmvd.saving import AtomicLocalBackend, save_json, save_png_atomically

from .journal import Journal
from .rooms.pose_frames import PoseFrame, PoseFrames
from .rooms.rigid_objects import OBJECTS, build

DEPTH_SCALE = 0.2  # millimetres per file step
TARGETS, _VISIBLE = 'test_targets_bop19.json', 0.1
_SEEDS = dict(train=1, val=2, test=3)  # of the rooms: they have nothing in common


def write_rooms(
    out: Path,
    frames: dict[str, int],
    size: tuple[int, int] = (168, 224),
    field_deg: tuple[float, float] = (55.0, 80.0),
    seed: int = 0,
) -> Iterable[str]:
    """Write rooms with rigid objects: models, and for each split a scene of frames.

    What was interrupted goes on with the same arguments, and ends as if it had not been.

    Args:
        out: Folder; must be empty, not there, or what an interrupted run left.
        frames: Number of frames of ``train``, ``val`` and ``test``.
        size: (height, width) in pixels.
        field_deg: Least and largest field of view in degrees, alike for one camera.
        seed: Seed of the data.

    Yields:
        The name of each frame that is there.

    Raises:
        ConfigError: If the folder holds something else.
        SavingError: If it cannot be written.
    """
    arguments = json.dumps([frames, size, [float(angle) for angle in field_deg], seed]).encode()
    journal = out / f'.writing_{hashlib.sha256(arguments).hexdigest()[:12]}'
    if not journal.is_file() and out.is_dir() and any(out.iterdir()):
        raise ConfigError(
            f'{out}: holds something already: choose an empty folder, or give the options of the interrupted run'
        )
    with Journal(journal, remedy='choose another folder') as done:
        _write_models(out / 'models')
        for split, count in frames.items():
            drawn = PoseFrames(size, field_deg, 10 * seed + _SEEDS[split])
            yield from _write_scene(out / split / f'{_SEEDS[split]:06d}', drawn, count, done)
        if 'test' in frames:
            scene = out / 'test' / f'{_SEEDS["test"]:06d}'
            poses, info = (json.loads((scene / f'scene_{kind}.json').read_bytes()) for kind in ('gt', 'gt_info'))
            save_json(_targets(_SEEDS['test'], poses, info), out / TARGETS)


def _write_models(folder: Path) -> None:
    infos = {}
    for number, thing in enumerate(OBJECTS, 1):
        mesh, info = build(thing)
        infos[str(number)] = dict(info, name=thing.name)
        AtomicLocalBackend().put(mesh.export(file_type='ply'), folder / f'obj_{number:06d}.ply')
    save_json(infos, folder / 'models_info.json')


def _write_scene(folder: Path, drawn: PoseFrames, count: int, done: Journal) -> Iterable[str]:
    names = [f'{folder.parent.name}/{number:06d}' for number in range(count)]
    for number, name in enumerate(names):
        if not _is_whole(folder, f'{number:06d}', done.get(name)):
            done.pop(name, None)
            done[name] = _write_frame(folder, f'{number:06d}', drawn[number])
        yield name
    for kind in ('camera', 'gt', 'gt_info'):
        save_json({str(number): done[name][kind] for number, name in enumerate(names)}, folder / f'scene_{kind}.json')


def _is_whole(folder: Path, name: str, entry: dict | None) -> bool:
    if entry is None:
        return False
    masks = [f'{kind}/{name}_{number:06d}.png' for kind in ('mask', 'mask_visib') for number in range(len(entry['gt']))]
    return all((folder / path).is_file() for path in (f'rgb/{name}.png', f'depth/{name}.png', *masks))


def _write_frame(folder: Path, name: str, frame: PoseFrame) -> dict:
    """Write the pictures of a frame; returns its entries in the files of the scene."""
    save_png_atomically(frame.rgb, folder / f'rgb/{name}.png')
    save_png_atomically(np.rint(frame.depth_m * (1000 / DEPTH_SCALE)).astype(np.uint16), folder / f'depth/{name}.png')
    _write_masks(folder, name, frame)
    poses = [
        dict(obj_id=int(which), cam_R_m2c=R.flatten().tolist(), cam_t_m2c=t.tolist())
        for which, R, t in zip(frame.obj_ids, frame.rotations, frame.translations_mm, strict=True)
    ]
    camera = dict(cam_K=frame.intrinsics.flatten().tolist(), depth_scale=DEPTH_SCALE)
    return dict(camera=camera, gt=poses, gt_info=_infos(frame))


def _write_masks(folder: Path, name: str, frame: PoseFrame) -> None:
    height, width = frame.rgb.shape[:2]
    for number, (whole, visible) in enumerate(zip(frame.whole_masks, frame.visible_masks, strict=True)):
        inner = whole[height : 2 * height, width : 2 * width]
        for kind, mask in dict(mask=inner, mask_visib=visible).items():
            save_png_atomically(255 * mask.astype(np.uint8), folder / f'{kind}/{name}_{number:06d}.png')


def _infos(frame: PoseFrame) -> list[dict]:
    height, width = frame.rgb.shape[:2]
    found = []
    for whole, visible in zip(frame.whole_masks, frame.visible_masks, strict=True):
        left, top, *extent = _box(whole)
        inner = whole[height : 2 * height, width : 2 * width]
        found.append(
            dict(
                bbox_obj=[left - width, top - height, *extent] if extent[0] >= 0 else [-1] * 4,
                bbox_visib=_box(visible),
                px_count_all=int(whole.sum()),
                px_count_valid=int((inner & (frame.depth_m > 0)).sum()),
                px_count_visib=int(visible.sum()),
                visib_fract=float(visible.sum() / max(whole.sum(), 1)),
            )
        )
    return found


def _box(mask: np.ndarray) -> list[int]:
    """(x, y, width, height) of a mask as BOP has them, from the first pixel to the last one; -1 if it is empty."""
    rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    if not len(rows):
        return [-1, -1, -1, -1]
    return [int(columns[0]), int(rows[0]), int(columns[-1] - columns[0]), int(rows[-1] - rows[0])]


def _targets(scene: int, poses: dict, infos: dict) -> list[dict]:
    found = []
    for frame, instances in poses.items():
        visible = [
            pose['obj_id']
            for pose, info in zip(instances, infos[frame], strict=True)
            if info['visib_fract'] >= _VISIBLE
        ]
        found += [
            dict(scene_id=scene, im_id=int(frame), obj_id=each, inst_count=visible.count(each))
            for each in sorted(set(visible))
        ]
    return found
