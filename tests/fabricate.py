"""Small files in the layouts of the nine datasets and of DINOv2's weights."""

import json
from pathlib import Path

import cv2
import numpy as np
import timm
import torch

SIZE = (48, 64)


def _image(path: Path, seed: int, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def _depth(path: Path, steps_per_metre: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    metres = np.tile(np.linspace(1, 4, SIZE[1], dtype=np.float32), (SIZE[0], 1))
    if path.suffix == '.pfm':
        path.write_bytes(f'Pf\n{SIZE[1]} {SIZE[0]}\n-1.0\n'.encode() + metres[::-1].tobytes())
    else:
        cv2.imwrite(str(path), (metres * steps_per_metre).astype(np.uint16))


def fabricate_nine(root: Path, frames: int = 2) -> None:
    """Two frames of each dataset, 1 to 4 m deep."""
    for name, split in (('lm', 'test'), ('tless', 'train_primesense'), ('ycbv', 'train_real')):
        scene = root / name / split / '000001'
        for i in range(frames):
            _image(scene / 'rgb' / f'{i:06d}.png', i)
            _depth(scene / 'depth' / f'{i:06d}.png', 10000)
        camera = dict(cam_K=[60, 0, 32, 0, 60, 24, 0, 0, 1], depth_scale=0.1)
        (scene / 'scene_camera.json').write_text(json.dumps({str(i): camera for i in range(frames)}))
    for i in range(frames):
        _image(root / f'graspnet/scenes/scene_0000/realsense/rgb/{i:04d}.png', i)
        _depth(root / f'graspnet/scenes/scene_0000/realsense/depth/{i:04d}.png', 1000)
        _image(root / f'nyuv2/train/images/{i}_rgb.png', i)
        _depth(root / f'nyuv2/train/depth/{i}_depth.png', 1000)
        _image(root / f'matterport3d/scan/undistorted_color_images/view_i0_{i}.jpg', i)
        _depth(root / f'matterport3d/scan/undistorted_depth_images/view_d0_{i}.png', 4000)
        _image(root / f'scannet/scans/scene0000_00/color/{i}.jpg', i, (97, 130))  # larger than its depth, as in ScanNet
        _depth(root / f'scannet/scans/scene0000_00/depth/{i}.png', 1000)
        for masked in ('', '_masked'):
            _image(root / f'blendedmvs/scene/blended_images/{i:08d}{masked}.jpg', i)
        _depth(root / f'blendedmvs/scene/rendered_depth_maps/{i:08d}.pfm', 1)
        _image(root / f'cityscapes/leftImg8bit/train/city/city_{i}_leftImg8bit.png', i)
        folder = root / 'cityscapes/disparity/train/city'
        folder.mkdir(parents=True, exist_ok=True)
        disparity = 0.209313 * 2262.52 / np.tile(np.linspace(5, 40, SIZE[1]), (SIZE[0], 1))
        cv2.imwrite(str(folder / f'city_{i}_disparity.png'), (disparity * 256 + 1).astype(np.uint16))


def fabricate_dinov2(path: Path, size: str = 'small') -> None:
    """A file with the tensors of the official release, at random."""
    path.parent.mkdir(parents=True, exist_ok=True)
    model = timm.create_model(f'vit_{size}_patch14_dinov2', pretrained=False)
    torch.save({**model.state_dict(), 'mask_token': torch.zeros(1, model.embed_dim)}, path)


def _labels(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), labels.astype(np.uint8))


def stripes(values: list[int]) -> np.ndarray:
    """Label map of vertical stripes of equal width."""
    return np.repeat(np.asarray(values, np.uint8), -(-SIZE[1] // len(values)))[None, : SIZE[1]].repeat(SIZE[0], 0)


def fabricate_sunrgbd(root: Path, train: int = 2, test: int = 1) -> None:
    """Frames and toolbox in the official layout: labels 0 (none), 1, 37."""
    import h5py
    from scipy.io import savemat

    prefix, metas, folders = '/n/fs/sun3d/data/SUNRGBD/', [], []
    for i in range(train + test):
        folder = f'kv{1 + i % 2}/NYUdata/NYU{i:04d}'
        folders.append(f'{prefix}{folder}')
        _image(root / 'SUNRGBD' / folder / f'image/{i}.jpg', i)
        raw = (np.tile(np.linspace(1, 4, SIZE[1]), (SIZE[0], 1)) * 1000).astype(np.uint16)
        for kind in ('depth', 'depth_bfx'):
            path = root / 'SUNRGBD' / folder / kind / f'{i}.png'
            path.parent.mkdir(parents=True)
            cv2.imwrite(str(path), (raw << 3) | (raw >> 13))
        (root / 'SUNRGBD' / folder / 'scene.txt').write_text(
            ('bedroom', 'living_room', 'kitchen')[i % 3] if i != 3 else 'furniture_store'
        )
        metas.append(dict(rgbpath=f'{prefix}{folder}/image/{i}.jpg', rgbname=f'{i}.jpg', depthname=f'{i}.png'))
    toolbox = root / 'SUNRGBDtoolbox'
    (toolbox / 'Metadata').mkdir(parents=True)
    (toolbox / 'traintestSUNRGBD').mkdir()
    fields = [(name, object) for name in metas[0]]
    savemat(
        toolbox / 'Metadata/SUNRGBDMeta.mat',
        dict(SUNRGBDMeta=np.array([tuple(meta.values()) for meta in metas], dtype=fields)),
    )
    savemat(toolbox / 'traintestSUNRGBD/allsplit.mat', dict(alltrain=np.array(folders[:train], dtype=object)))
    with h5py.File(toolbox / 'Metadata/SUNRGBD2Dseg.mat', 'w') as file:
        references = file.create_group('SUNRGBD2Dseg').create_dataset('seglabel', (len(metas), 1), dtype=h5py.ref_dtype)
        for i in range(len(metas)):
            references[i, 0] = file.create_dataset(f'label{i}', data=stripes([0, 1, 37]).T).ref


def fabricate_nyuv2_mat(root: Path, frames: int = 3) -> None:
    """The labelled .mat file, split and class mapping: raw labels 0, 5, 894 that become 0, 5 and 40."""
    import h5py
    from scipy.io import savemat

    root.mkdir(parents=True, exist_ok=True)
    with h5py.File(root / 'nyu_depth_v2_labeled.mat', 'w') as file:
        file['images'] = np.stack(
            [np.random.default_rng(i).integers(0, 256, (3, SIZE[1], SIZE[0]), dtype=np.uint8) for i in range(frames)]
        )
        metres = np.tile(np.linspace(1, 4, SIZE[1], dtype=np.float32)[:, None], (1, SIZE[0]))
        file['rawDepths'], file['depths'] = np.stack([metres] * frames), np.stack([metres + 1] * frames)
        labels = np.repeat(np.array([0, 5, 894], np.uint16), -(-SIZE[1] // 3))[: SIZE[1], None].repeat(SIZE[0], 1)
        file['labels'] = np.stack([labels] * frames)
        kinds = file.create_dataset('sceneTypes', (1, frames), dtype=h5py.ref_dtype)
        for i in range(frames):
            kinds[0, i] = file.create_dataset(
                f'scene{i}', data=np.array([[ord(c)] for c in ('bedroom', 'kitchen', 'study')[i % 3]], np.uint16)
            ).ref
    numbers = np.arange(1, frames + 1)[:, None]
    savemat(
        root / 'splits.mat',
        dict(trainNdxs=numbers[numbers % 3 != 2][:, None], testNdxs=numbers[numbers % 3 == 2][:, None]),
    )
    mapping = np.full((1, 894), 40, np.uint8)
    mapping[0, 4] = 5
    savemat(root / 'classMapping40.mat', dict(mapClass=mapping))


def fabricate_cityscapes(root: Path) -> None:
    """One image of train and of val with disparity and label ids: unlabeled, road, bicycle."""
    for split in ('train', 'val'):
        _image(root / f'leftImg8bit/{split}/city/city_0_leftImg8bit.png', 0)
        _labels(root / f'gtFine/{split}/city/city_0_gtFine_labelIds.png', stripes([0, 7, 33]))
        folder = root / f'disparity/{split}/city'
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(
            str(folder / 'city_0_disparity.png'),
            (0.209313 * 2262.52 / stripes([5, 10, 40]).astype(float) * 256 + 1).astype(np.uint16),
        )


def fabricate_ade20k(root: Path) -> None:
    """One image of each split with labels 0 (none), 1, 150."""
    for split in ('training', 'validation'):
        _image(root / f'images/{split}/ADE_0.jpg', 0)
        _labels(root / f'annotations/{split}/ADE_0.png', stripes([0, 1, 150]))


def fabricate_cocostuff(root: Path) -> None:
    """One image of each split with a pixel map: person, wood, unlabeled."""
    for split in ('train2017', 'val2017'):
        _image(root / f'images/{split}/0.jpg', 0)
        _labels(root / f'annotations/{split}/0.png', stripes([0, 181, 255]))


def fabricate_classes(root: Path, name: str, frames: int = 2) -> None:
    """Two classes in the layout of ImageNet with predicted depth, or of MVIP."""
    for kind in ('first', 'second'):
        for split in ('train', 'val') if name == 'imagenet' else ('train', 'valid', 'test'):
            for i in range(frames):
                folder = (
                    f'{split}/{kind}'
                    if name == 'imagenet'
                    else f'{kind}/{split}_data/{i}/' + ('0/' if split == 'train' else '') + 'cam_01'
                )
                _image(root / folder / (f'{i}.JPEG' if name == 'imagenet' else '01_rgb.png'), i)
                _depth(root / folder / (f'{i}_depth.png' if name == 'imagenet' else '01_depth.png'), 1000)


def completion_scene(seed: int, size: tuple[int, int] = SIZE, share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Truth and sparse input in metres, in steps of 1/256 m; a corner has no truth."""
    generator = np.random.default_rng(seed)
    truth = np.rint((1 + 3 * generator.random(size)) * 256) / 256
    truth[: size[0] // 4, : size[1] // 4] = 0
    return truth, np.where(generator.random(size) < share, truth, 0)


def _div256(path: Path, metres: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.rint(metres * 256).astype(np.uint16))


def _camera(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('60 0 32\n0 60 24\n0 0 1\n')


def fabricate_void(root: Path, frames: int = 2, points: int = 1500, above: str = '') -> None:
    """VOID's release: two sequences, and lists whose lines begin with ``above``."""
    names = []
    for sequence in ('corner0', 'stairs1'):
        folder = root / f'void_{points}/data/{sequence}'
        _camera(folder / 'K.txt')
        for i in range(frames):
            truth, sparse = completion_scene(i)
            _image(folder / f'image/{i}.png', i)
            _div256(folder / f'ground_truth/{i}.png', truth)
            _div256(folder / f'sparse_depth/{i}.png', sparse)
            names.append(f'{above}void_{points}/data/{sequence}/image/{i}.png')
    (root / f'void_{points}/test_image.txt').write_text('\n'.join(names) + '\n')


def fabricate_kitti_completion(root: Path, frames: int = 2) -> None:
    """The selection set with truth and the anonymous test set without."""
    for i in range(frames):
        truth, sparse = completion_scene(i)
        folder, drive = root / 'depth_selection/val_selection_cropped', '2011_09_26_drive_0002_sync'
        number = f'{i:010d}_image_02'
        _image(folder / f'image/{drive}_image_{number}.png', i)
        _camera(folder / f'intrinsics/{drive}_image_{number}.txt')
        _div256(folder / f'velodyne_raw/{drive}_velodyne_raw_{number}.png', sparse)
        _div256(folder / f'groundtruth_depth/{drive}_groundtruth_depth_{number}.png', truth)
        folder = root / 'depth_selection/test_depth_completion_anonymous'
        _image(folder / f'image/{i:010d}.png', i)
        _camera(folder / f'intrinsics/{i:010d}.txt')
        _div256(folder / f'velodyne_raw/{i:010d}.png', sparse)
