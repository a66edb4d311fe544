"""Raw lidar of KITTI's object layout, projected into the image."""

import json
import shutil

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmvd.datasets.decoders import read_depth
from mmvd.errors import MMVDError
from mmvd.registry import DATASETS
from tests.commands import script
from tests.conftest import ROOT
from tools.dataset_converters.kitti_lidar import convert

SIZE = (60, 80)
CAMERA = np.array([[50.0, 0, 39.5, 5], [0, 50, 29.5, 0], [0, 0, 1, 0]])  # the left colour camera lies beside the first
TURN = np.array([[0.0, -1, 0, 0.1], [0, 0, -1, -0.2], [1, 0, 0, 0.3]])  # x forward -> z forward


def lay_out(root, points, size=SIZE, camera=CAMERA, turn=TURN):
    """One frame in the official layout."""
    for name in ('image_2', 'velodyne', 'calib'):
        (root / 'training' / name).mkdir(parents=True)
    cv2.imwrite(str(root / 'training/image_2/000008.png'), np.zeros((*size, 3), np.uint8))
    np.column_stack((points, np.ones(len(points)))).astype('<f4').tofile(root / 'training/velodyne/000008.bin')
    rows = dict(P0=camera, P2=camera, R0_rect=np.eye(3), Tr_velo_to_cam=turn)
    text = '\n'.join(f'{name}: {" ".join(map(str, np.ravel(matrix)))}' for name, matrix in rows.items())
    (root / 'training/calib/000008.txt').write_text(text + '\n\n')


def scan_of(depth_m: np.ndarray) -> np.ndarray:
    """Lidar points whose projections are the pixels of a depth map."""
    rows, columns = np.nonzero(depth_m)
    z = depth_m[rows, columns]
    x = (columns * z - CAMERA[0, 3] - CAMERA[0, 2] * z) / CAMERA[0, 0]
    y = (rows * z - CAMERA[1, 2] * z) / CAMERA[1, 1]
    whole = np.vstack((TURN, [0, 0, 0, 1]))
    return (np.linalg.inv(whole) @ np.stack((x, y, z, np.ones_like(z))))[:3].T


def test_points_come_out_where_they_were_put(tmp_path, monkeypatch):
    depth_m = np.zeros(SIZE)
    depth_m[::4, ::3] = np.linspace(2, 70, depth_m[::4, ::3].size).reshape(depth_m[::4, ::3].shape)
    points = scan_of(depth_m)
    behind, hidden = -points[:5] - [5, 0, 0], scan_of(depth_m * 2)
    root = tmp_path / 'kitti_object'
    lay_out(root, np.concatenate((hidden, points, behind)))  # what stands in front hides what is behind it
    done = script('dataset_converters/kitti_lidar', root)
    assert done.returncode == 0 and '1 depth maps' in done.stdout, done.stderr
    (root / 'training/velodyne/000008.bin').write_bytes(b'')  # what is written is not read again
    assert convert(root) == 1
    found = read_depth(str(root / 'training/velodyne_depth/000008.png'), 'div256')
    np.testing.assert_allclose(found, depth_m, atol=1 / 512 + 1e-5)
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    dataset = DATASETS.build(Config.fromfile(ROOT / 'configs/completion/kitti_lidar_auc.py').test_dataloader.dataset)
    sample = dataset[0]
    np.testing.assert_allclose(sample['depth'][0].numpy(), depth_m, atol=1 / 512 + 1e-5)


@pytest.mark.parametrize(
    ('file', 'content', 'message'),
    [
        ('velodyne/000008.bin', b'12345', 'no list of points'),
        ('velodyne/000008.bin', b'', 'no list of points'),
        ('velodyne/000008.bin', np.full(8, np.nan, '<f4').tobytes(), 'not finite'),
        ('velodyne/000008.bin', None, 'no such scan'),
        ('calib/000008.txt', b'P2: 1 2 3\n', 'P2 must hold 12 numbers'),
        ('calib/000008.txt', b'P0: 1\n', 'P2 must hold 12 numbers'),
        ('calib/000008.txt', b'P2: ' + b'nan ' * 12 + b'\n', 'P2 is not finite'),
        (
            'calib/000008.txt',
            b'P2: 1 0 0 0 0 1 0 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: -1 0 0 0 0 1 0 0 0 0 -1 0',
            'txt: puts no point of .*bin into the image',
        ),
        ('calib/000008.txt', None, 'no such calibration'),
        ('image_2/000008.png', None, 'no images'),
    ],
)
def test_what_is_broken_is_named(tmp_path, file, content, message):
    lay_out(tmp_path, np.array([[10.0, 0, 0]]))
    path = tmp_path / 'training' / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MMVDError, match=message) as error:
        convert(tmp_path)
    assert '\n' not in str(error.value)
    assert not (tmp_path / 'training/velodyne_depth/000008.png').exists()


def test_a_real_scan(tmp_path, test_data):
    """The frame of the shared data has the density that its sources name."""
    source = test_data / 'kitti/velodyne_000008'
    camera = json.loads((source / 'calib.json').read_text())
    matrices = dict(camera=np.array(camera['cam2img'])[:3], turn=np.array(camera['lidar2cam'])[:3])
    lay_out(tmp_path, np.zeros((0, 3)), (camera['height'], camera['width']), **matrices)
    shutil.copyfile(source / 'velodyne.bin', tmp_path / 'training/velodyne/000008.bin')
    assert convert(tmp_path) == 1
    depth_m = read_depth(str(tmp_path / 'training/velodyne_depth/000008.png'), 'div256')
    known = depth_m > 0
    assert known.mean() == pytest.approx(0.037, abs=0.002)
    assert depth_m[known].min() == pytest.approx(2.6, abs=0.1) and depth_m.max() == pytest.approx(76.6, abs=0.2)
    assert not known[:100].any()  # no lidar looks at the sky
