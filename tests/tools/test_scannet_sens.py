"""ScanNet's streams: what was written into one comes out of the config's dataset in metres."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmvd.errors import MissingInputsError
from mmvd.registry import DATASETS
from tests.commands import script
from tests.conftest import ROOT
from tools.dataset_converters.scannet_sens import convert


def stream(path, frames=5, steps_per_m=1000.0, version=4, scale=1, focal_px=30.0, jpeg=None) -> np.ndarray:
    """Write a stream of a plane with a hole; returns its depth in metres."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metres = np.tile(np.linspace(1, 4, 32, dtype=np.float32), (24, 1))
    metres[3, 5] = 0
    metres *= scale
    raw = np.rint(np.nan_to_num(metres * steps_per_m)).clip(0, 65535).astype('<u2')
    jpeg = cv2.imencode('.jpg', np.full((48, 64, 3), 90, np.uint8))[1].tobytes() if jpeg is None else jpeg
    depth, none = zlib.compress(raw.tobytes()), np.eye(4)
    cameras = np.array([np.diag([60.0, 60, 1, 1]), none, np.diag([focal_px, focal_px, 1, 1]), none], '<f4')
    head = struct.pack('<IQ', version, 6) + b'struct' + cameras.tobytes()
    head += struct.pack('<ii4IfQ', 2, 1, 64, 48, 32, 24, steps_per_m, frames)
    frame = np.eye(4, dtype='<f4').tobytes() + struct.pack('<4Q', 0, 0, len(jpeg), len(depth)) + jpeg + depth
    path.write_bytes(head + frame * frames)
    return metres


def test_frames_as_the_config_reads_them(tmp_path, monkeypatch):
    root = tmp_path / 'scannet'
    with pytest.raises(MissingInputsError, match='no such files'):
        convert(root, 1)
    metres = stream(root / 'scans/scene0000_00/scene0000_00.sens')
    stream(root / 'scans/scene0000_01/scene0000_01.sens', steps_per_m=4000.0)
    done = script('dataset_converters/scannet_sens', root, '--every', 2)
    assert done.returncode == 0 and '6 frames of 2 scans' in done.stdout, done.stderr
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    settings = Config.fromfile(ROOT / 'configs/_base_/datasets/vd_nine.py').nine.scannet
    pipeline = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth')]
    dataset = DATASETS.build(dict(settings, pipeline=pipeline))
    assert len(dataset) == 6
    for sample in dataset:
        np.testing.assert_allclose(sample['depth'], metres, atol=6e-4)
        assert sample['depth'][3, 5] == 0
        assert sample['img'].shape[:2] == metres.shape  # colour at the size of depth
    first = root / 'scans/scene0000_00/depth/0.png'
    before = first.stat().st_mtime_ns
    camera = root / 'scans/scene0000_00/intrinsic/intrinsic_color.txt'
    times = camera.stat().st_mtime_ns, camera.parent.stat().st_mtime_ns
    (root / 'scans/scene0000_00/color/2.jpg').unlink()
    assert convert(root, 2) == 0
    assert (camera.stat().st_mtime_ns, camera.parent.stat().st_mtime_ns) == times  # by which an index is up to date
    assert first.stat().st_mtime_ns == before and (root / 'scans/scene0000_00/color/2.jpg').is_file()
    for camera, focal_px in dict(color=60, depth=30).items():
        text = (root / f'scans/scene0000_00/intrinsic/intrinsic_{camera}.txt').read_text()
        assert text.startswith(f'{focal_px}.000000')


def test_what_is_damaged_is_told_and_the_rest_goes_on(tmp_path, capsys):
    for name in 'abcd':
        stream(tmp_path / f'scans/{name}/{name}.sens', version=3 if name == 'c' else 4)
    cut = tmp_path / 'scans/a/a.sens'
    cut.write_bytes(cut.read_bytes()[:-10])
    (tmp_path / 'scans/e/e.sens').mkdir(parents=True)
    (tmp_path / 'scans/b/b.sens').write_bytes(b'')
    assert convert(tmp_path, 1) == 1
    told = capsys.readouterr()
    assert '5 frames of 1 scans' in told.out
    assert 'a.sens: ends 10 bytes too early' in told.err and 'c.sens: no .sens stream' in told.err
    assert 'b.sens: ends 12 bytes' in told.err and (tmp_path / 'scans/d/depth/4.png').is_file()


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        (dict(steps_per_m=float('inf')), 'no header of ScanNet'),
        (dict(steps_per_m=float('nan')), 'no header of ScanNet'),
        (dict(focal_px=float('nan')), 'no header of ScanNet'),
        (dict(jpeg=b''), 'a frame of 0 and '),
    ],
)
def test_streams_that_say_nothing_are_told(tmp_path, capsys, change, told):
    stream(tmp_path / 'scans/a/a.sens', **change)
    assert convert(tmp_path, 1) == 1 and told in capsys.readouterr().err


def test_two_streams_in_one_folder_are_not_mixed(tmp_path, capsys):
    for name in ('a/a', 'a/a_old', 'a/._a', 'b/b'):
        stream(tmp_path / f'scans/{name}.sens')
    assert convert(tmp_path, 1) == 1
    told = capsys.readouterr()
    assert told.err.count('not the only stream in its folder') == 2 and '5 frames of 1 scans' in told.out
    assert not (tmp_path / 'scans/a/depth').exists()


def test_what_is_too_far_is_missing_and_empty_files_are_mended(tmp_path):
    metres = stream(tmp_path / 'scans/a/a.sens', 1, steps_per_m=500.0, scale=25)
    empty = tmp_path / 'scans/a/color/0.jpg'
    empty.parent.mkdir()
    empty.touch()
    assert convert(tmp_path, 1) == 0 and empty.stat().st_size
    found = cv2.imread(str(tmp_path / 'scans/a/depth/0.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(found / 1000, np.where(metres < 65.5, metres, 0), atol=2e-3)
    assert (found == 0).sum() > 100
