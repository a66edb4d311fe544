"""Small files in the layouts of the paper's datasets, all of which show tests.planes."""

import json
from pathlib import Path

import cv2
import numpy as np

from tests.planes import SIZE, camera, drawing, mark_m, mark_px, plane_m


def _made(path: Path) -> Path:
    """The path, whose folder is there now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _text(path: Path, text: str) -> None:
    _made(path).write_text(text)


def _rows(matrix: np.ndarray) -> str:
    return '\n'.join(' '.join(f'{value:.6f}' for value in row) for row in matrix) + '\n'


def _image(path: Path, seed: int, *view) -> None:
    cv2.imwrite(str(_made(path)), drawing(seed, *view), [cv2.IMWRITE_JPEG_QUALITY, 100])


def _depth(path: Path, steps_per_metre: float, seed: int = 0, *view) -> None:
    metres = plane_m(seed, *view).astype(np.float32)
    if path.suffix == '.pfm':
        _made(path).write_bytes(f'Pf\n{SIZE[1]} {SIZE[0]}\n-1.0\n'.encode() + metres[::-1].tobytes())
    else:
        cv2.imwrite(str(_made(path)), np.rint(metres * steps_per_metre).astype(np.uint16))


def fabricate_bop(scene: Path, frames: int = 2, depth_scale: float = 0.1) -> None:
    """Frames and cameras of a scene of a BOP dataset, and one object, a cube of 100 mm, at the mark of each frame."""
    known = [each.flatten().tolist() for each in (camera(), np.eye(3))]
    cameras, poses, infos = {}, {}, {}
    for i in range(frames):
        _image(scene / 'rgb' / f'{i:06d}.png', i)
        _depth(scene / 'depth' / f'{i:06d}.png', 1000 / depth_scale, i)
        for kind in ('mask', 'mask_visib'):
            _labels(scene / kind / f'{i:06d}_000000.png', 255 * (drawing(i).min(-1) > 180))
        x, y = mark_px(drawing(i)) - 2
        box = dict(bbox_obj=[x, y, 4, 4], bbox_visib=[x, y, 4, 4], visib_fract=1.0)  # to the fifth pixel
        cameras[i], infos[i] = dict(cam_K=known[0], depth_scale=depth_scale), [box]
        poses[i] = [dict(obj_id=1, cam_R_m2c=known[1], cam_t_m2c=(1000 * mark_m(i)).tolist())]
    for name, content in dict(camera=cameras, gt=poses, gt_info=infos).items():
        _text(scene / f'scene_{name}.json', json.dumps(content))
    _text(scene.parents[1] / 'models/models_info.json', json.dumps({'1': dict(diameter=173.2)}))


def fabricate_nine(root: Path, frames: int = 2) -> None:
    """Two frames of each dataset, 1 to 5 m deep."""
    for name, split in (('lm', 'test'), ('tless', 'train_primesense'), ('ycbv', 'train_real')):
        fabricate_bop(root / name / split / '000001', frames)
    np.save(_made(root / 'graspnet/scenes/scene_0000/realsense/camK.npy'), camera())
    _text(root / 'scannet/scans/scene0000_00/intrinsic/intrinsic_color.txt', _rows(_four_by_four(camera((97, 130)))))
    conf = ['dataset matterport', 'intrinsics_matrix 9 0 9  0 9 9 0 0 1', 'scan a.png a.jpg' + ' 0' * 16]
    turned = camera()
    turned[1, 2] = 1023 - turned[1, 2]  # its y counts from the bottom
    conf.append('intrinsics_matrix ' + _rows(turned).replace('\n', ' '))
    for i in range(frames):
        _image(root / f'graspnet/scenes/scene_0000/realsense/rgb/{i:04d}.png', i)
        _depth(root / f'graspnet/scenes/scene_0000/realsense/depth/{i:04d}.png', 1000, i)
        fabricate_nyuv2_frame(root / 'nyuv2', i)
        _image(root / f'matterport3d/scan/undistorted_color_images/view_i0_{i}.jpg', i)
        _depth(root / f'matterport3d/scan/undistorted_depth_images/view_d0_{i}.png', 4000, i)
        conf.append(f'scan view_d0_{i}.png view_i0_{i}.jpg' + ' 0' * 16)
        _image(root / f'scannet/scans/scene0000_00/color/{i}.jpg', i, (97, 130))  # larger than its depth, as in ScanNet
        _depth(root / f'scannet/scans/scene0000_00/depth/{i}.png', 1000, i)
        for masked in ('', '_masked'):
            _image(root / f'blendedmvs/scene/blended_images/{i:08d}{masked}.jpg', i)
        _depth(root / f'blendedmvs/scene/rendered_depth_maps/{i:08d}.pfm', 1, i)
        text = f'extrinsic\n{_rows(np.eye(4))}\nintrinsic\n{_rows(camera())}\n425.0 2.5\n'
        _text(root / f'blendedmvs/scene/cams/{i:08d}_cam.txt', text)
        fabricate_cityscapes_frame(root / 'cityscapes', i, factor=(1.0, 1.0639)[i % 2])
        fabricate_cityscapes_camera(root / 'cityscapes', i, (1.0, 1.0639)[i % 2])
    _text(root / 'matterport3d/scan/undistorted_camera_parameters/scan.conf', '\n'.join(conf))


def fabricate_nyuv2_frame(root: Path, seed: int, *view) -> None:
    """An image of the labelled set as nyuv2.py leaves it."""
    _image(root / f'train/images/{seed}_rgb.png', seed, *view)
    _depth(root / f'train/depth/{seed}_depth.png', 1000, seed, *view)


def fabricate_cityscapes_frame(root: Path, seed: int, *view, factor: float = 1.0) -> None:
    """An image and its disparity, ten times as far away: its formula knows no near depth."""
    _image(root / f'leftImg8bit/train/city/city_{seed}_leftImg8bit.png', seed, *view)
    _disparity(root / f'disparity/train/city/city_{seed}_disparity.png', 10 * plane_m(seed, *view) / factor)


def fabricate_cityscapes_camera(root: Path, seed: int, factor: float) -> None:
    """The camera of an image; baseline times focal length is a factor of the first one's."""
    (fx, _, u0), (_, fy, v0), _ = camera().tolist()
    extrinsic, intrinsic = dict(baseline=factor * 0.209313 * 2262.52 / fx, pitch=0.05), dict(fx=fx, fy=fy, u0=u0, v0=v0)
    content = json.dumps(dict(extrinsic=extrinsic, intrinsic=intrinsic))
    _text(root / f'camera/train/city/city_{seed}_camera.json', content)


def _four_by_four(matrix: np.ndarray) -> np.ndarray:
    return np.pad(matrix, (0, 1)) + np.diag([0, 0, 0, 1])


def _disparity(path: Path, metres: np.ndarray) -> None:
    cv2.imwrite(str(_made(path)), np.rint(0.209313 * 2262.52 / metres * 256 + 1).astype(np.uint16))


def _labels(path: Path, labels: np.ndarray) -> None:
    cv2.imwrite(str(_made(path)), labels.astype(np.uint8))


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
        raw = np.rint(plane_m(i) * 1000).astype(np.uint16)
        _text(root / 'SUNRGBD' / folder / 'intrinsics.txt', _rows(camera()))
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
        _disparity(root / f'disparity/{split}/city/city_0_disparity.png', stripes([5, 10, 40]).astype(float))


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
                view = f'{kind}/{split}_data/{i}/{"0/" if split == "train" else ""}cam_01'
                folder = f'{split}/{kind}' if name == 'imagenet' else view
                _image(root / folder / (f'{i}.JPEG' if name == 'imagenet' else '01_rgb.png'), i)
                _depth(root / folder / (f'{i}_depth.png' if name == 'imagenet' else '01_depth.png'), 1000, i)
                if name == 'mvip':
                    _text(root / folder / '01_meta.json', json.dumps(dict(cameraMatrix=camera().flatten().tolist())))


def completion_scene(seed: int, size: tuple[int, int] = SIZE, share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Truth and sparse input in metres, in steps of 1/256 m; a corner has no truth."""
    generator = np.random.default_rng(seed)
    truth = np.rint(plane_m(seed, size) * 256) / 256
    truth[: size[0] // 4, : size[1] // 4] = 0
    return truth, np.where(generator.random(size) < share, truth, 0)


def _div256(path: Path, metres: np.ndarray) -> None:
    cv2.imwrite(str(_made(path)), np.rint(metres * 256).astype(np.uint16))


def fabricate_void(root: Path, frames: int = 2, points: int = 1500, above: str = '') -> None:
    """VOID's release: two sequences, and lists whose lines begin with ``above``."""
    names = []
    for sequence in ('corner0', 'stairs1'):
        folder = root / f'void_{points}/data/{sequence}'
        _text(folder / 'K.txt', _rows(camera()))
        for _ in range(frames):
            number = len(names)  # a time in the release, no name twice
            (truth, sparse), name = completion_scene(number), f'{number}.png'
            _image(folder / 'image' / name, number)
            _div256(folder / 'ground_truth' / name, truth)
            _div256(folder / 'sparse_depth' / name, sparse)
            names.append(f'{above}void_{points}/data/{sequence}/image/{name}')
    (root / f'void_{points}/test_image.txt').write_text('\n'.join(names) + '\n')


def fabricate_kitti_completion(root: Path, frames: int = 2) -> None:
    """The selection set with truth and the anonymous test set without."""
    for i in range(frames):
        truth, sparse = completion_scene(i)
        folder, drive = root / 'depth_selection/val_selection_cropped', '2011_09_26_drive_0002_sync'
        number = f'{i:010d}_image_02'
        _image(folder / f'image/{drive}_image_{number}.png', i)
        _text(folder / f'intrinsics/{drive}_image_{number}.txt', _rows(camera()))
        _div256(folder / f'velodyne_raw/{drive}_velodyne_raw_{number}.png', sparse)
        _div256(folder / f'groundtruth_depth/{drive}_groundtruth_depth_{number}.png', truth)
        folder = root / 'depth_selection/test_depth_completion_anonymous'
        _image(folder / f'image/{i:010d}.png', i)
        _text(folder / f'intrinsics/{i:010d}.txt', _rows(camera()))
        _div256(folder / f'velodyne_raw/{i:010d}.png', sparse)


def fabricate_kitti_raw(root: Path, frames: int = 2, split: str = 'val') -> None:
    """A drive of both colour cameras; its first image has no depth."""
    date, drive = '2011_09_26', '2011_09_26_drive_0002_sync'
    row = ' '.join(f'{value:.6e}' for value in np.pad(camera(), ((0, 0), (0, 1))).flatten())
    other = row.replace(row.split()[0], '9.000000e+00', 1)
    _text(root / f'{date}/calib_cam_to_cam.txt', f'calib_time: 09-Jan-2012\nP_rect_02: {row}\nP_rect_03: {other}\n')
    for camera_name, last in (('image_02', frames), ('image_03', 1)):
        for i in range(last + 1):
            _image(root / f'{date}/{drive}/{camera_name}/data/{i:010d}.png', i)
            if i:
                truth, sparse = completion_scene(i)
                _div256(root / f'{split}/{drive}/proj_depth/groundtruth/{camera_name}/{i:010d}.png', truth)
                _div256(root / f'{split}/{drive}/proj_depth/velodyne_raw/{camera_name}/{i:010d}.png', sparse)


def fabricate_nyuv2_raw(root: Path, frames: int = 2, *view) -> None:
    """A raw sequence of the first Kinect: images and disparity a few milliseconds apart, of 30 a second."""
    scene = root / 'kitchen_0001'
    for i in range(frames):
        _image(scene / f'r-{100 + i / 30:.6f}-{i}.ppm', i, *view)
        raw = 2842.5 * (np.arctan(plane_m(i, *view) / 0.1236) - 1.1863)
        cv2.imwrite(str(scene / f'd-{100.004 + i / 30:.6f}-{i}.pgm'), np.rint(raw).astype(np.uint16))


def fabricate_fifteen(root: Path) -> Path:
    """Three frames of each dataset of the paper and of NYUv2 raw; the lists of SUN RGB-D are not made yet."""
    fabricate_nine(root, 3)
    fabricate_kitti_raw(root / 'kitti', 3)
    fabricate_sunrgbd(root / 'sunrgbd', 0, 3)
    fabricate_void(root / 'void_release', 3)
    fabricate_classes(root / 'mvip', 'mvip', 3)
    fabricate_nyuv2_raw(root / 'nyuv2_raw', 3)
    for name, split in (('hb', 'test_primesense'), ('lmo', 'test')):
        fabricate_bop(root / name / split / '000002', 3, 1.0)
    return root
