"""The Python API, the inferencer and the command line."""
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

import mmvd
from mmvd.apis import DepthCompletionInferencer
from mmvd.errors import ConfigError, SampleError, WeightsError
from tests.conftest import ROOT

ARCH = dict(embed_dims=32, depth=4, num_heads=2)


def config() -> Config:
    cfg = Config.fromfile(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py')
    cfg.model.backbone.arch = ARCH
    cfg.model.head.update(in_channels=32, channels=(16, 12, 8, 8))
    return cfg


@pytest.fixture
def model():
    return mmvd.load_model(config(), device='cpu')


def test_encode_and_complete(model):
    rgb = np.random.default_rng(0).integers(0, 256, (60, 75, 3), dtype=np.uint8)
    depth = np.full((60, 75), 2.0, np.float32)
    maps, cls_token = model.encode(rgb, depth)
    assert len(maps) == 4 and maps[0].shape == (1, 32, 30, 38) and cls_token.shape == (1, 32)
    completed = model.complete(rgb, depth)
    assert completed.shape == (60, 75) and completed.dtype == np.float32
    batch = model.complete(torch.from_numpy(rgb).permute(2, 0, 1)[None], torch.from_numpy(depth)[None, None])
    np.testing.assert_allclose(batch[0, 0].numpy(), completed)
    assert model.complete(rgb).shape == (60, 75)
    with pytest.raises(SampleError, match='does not fit'):
        model.complete(rgb, depth[:50])
    with pytest.raises(SampleError, match='rgb must be'):
        model.complete(rgb[..., 0])


def test_encode_is_what_the_backbone_gives(model):
    rgb = torch.randint(0, 256, (2, 3, 56, 56), dtype=torch.uint8)
    pre = model.completer.data_preprocessor(dict(inputs=list(rgb.flip(1)), depth=list(torch.ones(2, 1, 56, 56))))
    expected = model.completer.backbone(pre['inputs'])
    maps, _ = model.encode(rgb, torch.ones(2, 1, 56, 56))
    assert all(torch.equal(a, b) for a, b in zip(maps, expected, strict=True))


def test_load_model(tmp_path, model):
    torch.save(dict(state_dict=model.completer.state_dict()), tmp_path / 'a.pth')
    again = mmvd.load_model(config(), tmp_path / 'a.pth', 'cpu')
    rgb = np.zeros((56, 56, 3), np.uint8)
    np.testing.assert_array_equal(again.complete(rgb), model.complete(rgb))
    assert mmvd.load_model('pretrain_tiny_pde_rooms', device='cpu').completer.backbone.embed_dims == 96
    with pytest.raises(ConfigError, match='no such config'):
        mmvd.load_model('pretrain_nothing')
    with pytest.raises(WeightsError, match='does not fit the model'):
        mmvd.load_model('pretrain_tiny_pde_rooms', tmp_path / 'a.pth')
    with pytest.raises(WeightsError, match='no such weights file'):
        mmvd.load_model('pretrain_tiny_pde_rooms', tmp_path / 'b.pth')


def test_inferencer(tmp_path, model):
    cv2.imwrite(str(tmp_path / 'x.png'), np.full((56, 70, 3), 99, np.uint8))
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((56, 70), 2000, np.uint16))
    run = DepthCompletionInferencer(model)
    (completed, ) = run([(tmp_path / 'x.png', tmp_path / 'd.png')], out_dir=tmp_path / 'out')
    written = cv2.imread(str(tmp_path / 'out/x_depth.png'), cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint16 and np.abs(written / 1000 - completed.clip(0)).max() <= 5.1e-4
    assert (tmp_path / 'out/x_panel.png').exists()
    with pytest.raises(SampleError, match='no readable image'):
        run([(tmp_path / 'y.png', None)])
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((55, 70), 2000, np.uint16))
    with pytest.raises(SampleError, match='register'):
        run([(tmp_path / 'x.png', tmp_path / 'd.png')])


def test_command_line(tmp_path):
    done = subprocess.run([sys.executable, '-m', 'mmvd', 'data', '--rooms', '2', '--out', str(tmp_path / 's.png')], capture_output=True, text=True)
    assert done.returncode == 0 and cv2.imread(str(tmp_path / 's.png')).shape == (540, 960, 3), done.stderr
    done = subprocess.run([sys.executable, '-m', 'mmvd', 'demo', '--checkpoint', str(tmp_path / 'none.pth')], capture_output=True, text=True)
    assert done.returncode == 2 and 'none.pth: no such weights file' in done.stderr and 'Traceback' not in done.stderr
