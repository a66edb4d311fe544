"""The Python API, the inferencer and the command line."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

import mmvd
from mmvd.apis import DepthCompletionInferencer
from mmvd.apis.loading import find_config
from mmvd.errors import ConfigError, SampleError, WeightsError
from tests.apis.conftest import DEPTH, RGB
from tests.commands import command
from tests.conftest import ROOT, logged

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


def test_what_is_random_without_a_checkpoint_is_told(tmp_path, model, monkeypatch):
    torch.save(dict(state_dict=model.completer.state_dict()), tmp_path / 'a.pth')
    started, told = config(), logged(monkeypatch)
    started.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth'))
    again = mmvd.load_model(started, device='cpu')
    assert any(f'what {tmp_path}/a.pth does not hold is random' in line for line in told)
    pairs = zip(again.completer.backbone.parameters(), model.completer.backbone.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_load_model(tmp_path, model, monkeypatch):
    torch.save(dict(state_dict=model.completer.state_dict()), tmp_path / 'a.pth')
    again = mmvd.load_model(config(), tmp_path / 'a.pth', 'cpu')
    rgb = np.zeros((56, 56, 3), np.uint8)
    np.testing.assert_array_equal(again.complete(rgb), model.complete(rgb))
    told = logged(monkeypatch)
    assert mmvd.load_model('pretrain_tiny_pde_rooms', device='cpu').completer.backbone.embed_dims == 96
    assert 'opened without a checkpoint: what the model predicts is random' in told[0]
    with pytest.raises(ConfigError, match='no such config'):
        mmvd.load_model('pretrain_nothing')
    with pytest.raises(ConfigError, match='no such packed model: this folder lacks mmvd_model.json'):
        mmvd.load_model(tmp_path)
    with pytest.raises(ConfigError, match='a.pth: no config file .* a packed model is named by its folder'):
        mmvd.load_model(tmp_path / 'a.pth')
    with pytest.raises(WeightsError, match='does not fit the model'):
        mmvd.load_model('pretrain_tiny_pde_rooms', tmp_path / 'a.pth')
    with pytest.raises(WeightsError, match='no such weights file'):
        mmvd.load_model('pretrain_tiny_pde_rooms', tmp_path / 'b.pth')


def test_inferencer(tmp_path, model):
    cv2.imwrite(str(tmp_path / 'x.png'), np.full((56, 70, 3), 99, np.uint8))
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((56, 70), 2000, np.uint16))
    run = DepthCompletionInferencer(model)
    (found,) = run([(tmp_path / 'x.png', tmp_path / 'd.png')], out_dir=tmp_path / 'out')['predictions']
    completed = found['depth_m']
    written = cv2.imread(str(tmp_path / 'out/x_depth.png'), cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint16 and np.abs(written / 1000 - completed.clip(0)).max() <= 5.1e-4
    assert (tmp_path / 'out/x_panel.png').exists()
    with pytest.raises(SampleError, match='y.png: no such image'):
        run([(tmp_path / 'y.png', None)])
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((55, 70), 2000, np.uint16))
    with pytest.raises(SampleError, match='registered'):
        run([(tmp_path / 'x.png', tmp_path / 'd.png')])


def test_command_line(tmp_path):
    done = command('data', '--rooms', 2, '--out', tmp_path / 's.png')
    assert done.returncode == 0 and cv2.imread(str(tmp_path / 's.png')).shape == (540, 960, 3), done.stderr
    done = command('demo', '--model', 'pretrain_tiny_pde_rooms', '--checkpoint', tmp_path / 'none.pth')
    assert done.returncode == 2 and 'none.pth: no such weights file' in done.stderr and 'Traceback' not in done.stderr


def test_the_preprocessing_is_that_of_the_config():
    cfg = config()
    cfg.model.data_preprocessor = dict(type='mmvd.RGBDDataPreprocessor', mean=[0, 0, 0], std=[255, 255, 255])
    model = mmvd.load_model(cfg, device='cpu')
    rgb = torch.randint(0, 256, (1, 3, 56, 56), dtype=torch.uint8)
    torch.testing.assert_close(model._inputs(rgb, torch.zeros(1, 1, 56, 56))[:, :3], rgb / 255)
    with pytest.raises(SampleError, match='maximum of 1: give 0..255'):
        model.complete(torch.ones(1, 3, 56, 56))


def test_encode_runs_each_stream_once(model):
    calls = []
    for stream in (model.completer.backbone.rgb_stream, model.completer.backbone.depth_stream):
        stream.blocks[0].register_forward_hook(lambda *_: calls.append(1))
    model.encode(torch.zeros(1, 3, 56, 56, dtype=torch.uint8))
    assert len(calls) == 2


def test_models_of_other_tasks_are_refused(tmp_path):
    segmentor, rgb_only = Config.fromfile(ROOT / 'configs/seg/m2f_vd_rooms_tiny.py'), config()
    segmentor.model.backbone.init_cfg = dict(type='Random')
    rgb_only.model.backbone.out = 'rgb'
    for cfg in (segmentor, rgb_only):
        with pytest.raises(ConfigError, match='load_model serves mmvd.DepthCompleter on metric depth'):
            mmvd.load_model(cfg, device='cpu')


def test_a_name_of_several_configs_is_refused(monkeypatch, tmp_path):
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'same.py').write_text('x = 1')
    monkeypatch.setattr('mmvd.apis.loading.shipped_configs', lambda: tmp_path)
    with pytest.raises(ConfigError, match='same: several configs have this name: say a/same, b/same'):
        mmvd.load_model('same')
    assert find_config('b/same').x == 1


def test_inferencer_refuses_what_would_go_wrong_silently(tmp_path, model):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(np.full((56, 70, 3), 99, np.uint8)).save(tmp_path / 'x.jpg', exif=exif)
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((56, 70), 2000, np.uint16))
    run = DepthCompletionInferencer(model)
    with pytest.raises(SampleError, match='x.jpg: its EXIF data turn or mirror it'):
        run([(tmp_path / 'x.jpg', tmp_path / 'd.png')])
    with pytest.raises(ConfigError, match='this folder cannot be written'):
        run([(tmp_path / 'x.jpg', None)], out_dir=tmp_path / 'd.png')


def test_files_and_formats(model, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (56, 70, 3), dtype=np.uint8))
    picture.save(tmp_path / 'x.png', exif=exif)
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((56, 70), 10000, np.uint16))
    with pytest.raises(SampleError, match='x.png: its EXIF data turn or mirror it'):
        model.complete(tmp_path / 'x.png', tmp_path / 'd.png')
    picture.save(tmp_path / 'x.png')
    expected = model.complete(np.asarray(picture), np.full((56, 70), 2.0, np.float32))
    found = model.complete(tmp_path / 'x.png', tmp_path / 'd.png', decoder='div5000')
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert model.to(dtype=torch.bfloat16).dtype == torch.bfloat16
    seen = []
    hook = model.completer.register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled('cpu')))
    model.complete(picture)
    hook.remove()
    assert seen == [True]
    model.to(device='cpu', dtype=torch.float32)


def test_names_of_configs_are_unique():
    """A name is enough for load_model, and the default work dir is named after it."""
    names = [path.stem for path in (ROOT / 'configs').glob('*/*.py')]
    assert len(names) == len(set(names))


def test_images_without_depth_are_told_once(completer, monkeypatch):
    monkeypatch.setattr('mmvd.apis.inferencer._said', set())
    told = logged(monkeypatch)
    completer(RGB, DEPTH)
    assert not told
    found = completer([(RGB, DEPTH), (RGB, None)], batch_size=2)['predictions']
    completer(RGB)
    assert [each['rgb_only'] for each in found] == [False, True]
    assert [line for line in told if 'an image without depth' in line] == [
        'DepthCompletionInferencer: an image without depth: the answer comes from colour alone (rgb_only in the result)'
    ]
