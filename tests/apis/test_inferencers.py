"""Inferencers of all tasks: batches, progress, what must not be passed over."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmvd.apis import (
    DepthCompletionInferencer,
    FeatureInferencer,
    RGBDClassificationInferencer,
    RGBDSegInferencer,
    loading,
)
from mmvd.apis.inputs import Frame
from mmvd.apis.packing import pack
from mmvd.errors import ConfigError, MemoryLimitError, SampleError
from mmvd.models.backbones.omnivore import omnivore_disparity
from mmvd.registry import MODELS
from mmvd.visualization.point_cloud import ply_bytes
from tests.apis.conftest import DEPTH, RGB
from tests.commands import command
from tests.conftest import ROOT, logged, tiny_model


def test_batches_change_nothing(completer, frames):
    one = completer(frames, frames)['predictions']
    many = completer(frames, frames, batch_size=3, show_progress=True)['predictions']
    assert [p['name'] for p in one] == [p['name'] for p in many] == [f'{i}_rgb' for i in range(4)]
    for a, b in zip(one, many, strict=True):
        np.testing.assert_allclose(a['depth_m'], b['depth_m'], atol=1e-4)
    assert one[3]['depth_m'].shape == (42, 56)


def test_an_answer_is_the_models(completer):
    (found,) = completer((RGB, DEPTH))['predictions']
    np.testing.assert_array_equal(found['depth_m'], completer.model.complete(RGB, DEPTH))
    assert not found['rgb_only']
    (alone,) = completer(RGB)['predictions']
    assert alone['rgb_only']
    np.testing.assert_array_equal(alone['depth_m'], completer.model.complete(RGB))


def test_a_stream_keeps_nothing(completer):
    import types

    found = completer.stream(((RGB, DEPTH) for _ in range(3)), batch_size=2, return_vis=True)
    assert isinstance(found, types.GeneratorType)
    names, pictures = zip(*((prediction['name'], picture) for prediction, picture in found), strict=True)
    assert names == ('00000000', '00000001', '00000002') and all(picture.ndim == 3 for picture in pictures)


def test_a_result_waits_for_no_further_frame(completer):
    given = []

    def camera():
        for number in range(3):
            given.append(number)
            yield RGB, DEPTH

    for done, _ in enumerate(completer.stream(camera())):
        assert given == list(range(done + 1))


def test_what_was_read_before_a_failure_is_kept(completer, tmp_path):
    frames = [(RGB, DEPTH)] * 3 + [(RGB, DEPTH[:5])]
    for size in (1, 2):
        with pytest.raises(SampleError):
            completer(frames, out_dir=tmp_path / str(size), batch_size=size, no_save_vis=True)
        names = sorted(path.name for path in (tmp_path / str(size)).iterdir())
        assert names == [f'0000000{number}_depth.png' for number in range(3)]


def test_a_model_brings_what_it_has(completer):
    for extra in (dict(checkpoint='x.pth'), dict(device='cpu'), dict(dtype=torch.bfloat16)):
        with pytest.raises(ConfigError, match='a model brings weights, device and precision'):
            DepthCompletionInferencer(completer.model, **extra)
    for bad in (dict(size=0), dict(keep_input='no'), dict(point_cloud='no')):
        with pytest.raises(ConfigError):
            DepthCompletionInferencer(completer.model, **bad)
    for bad in (dict(overwrite='no'), dict(batch_size=0), dict(out_dir=3), dict(no_save_vis=1)):
        with pytest.raises(ConfigError):
            completer((RGB, DEPTH), **bad)


def test_points_and_metres(completer, tmp_path):
    run = DepthCompletionInferencer(
        completer.model, depth_format='npy', point_cloud=True, intrinsics=np.array([60, 60, 35, 28.0])
    )
    (found,) = run((RGB, DEPTH), out_dir=tmp_path)['predictions']
    np.testing.assert_array_equal(np.load(tmp_path / '00000000_depth.npy'), found['depth_m'])
    expected = ply_bytes(found['depth_m'], RGB, (60, 60, 35, 28))
    assert (tmp_path / '00000000.ply').read_bytes() == expected
    for bad in (dict(depth_format='exr'), dict(intrinsics=(0, 1, 2, 3)), dict(intrinsics=(1, 2, 3))):
        with pytest.raises(ConfigError):
            DepthCompletionInferencer(completer.model, **bad)


def test_unreadable_inputs(completer, frames, tmp_path):
    (frames / '1_rgb.png').write_bytes(b'junk')
    (frames / '2_depth.png').write_bytes(b'')
    with pytest.raises(SampleError, match='1_rgb.png'):
        completer(frames, frames)
    found = completer(frames, frames, skip_unreadable=True)
    assert [p['name'] for p in found['predictions']] == ['0_rgb', '3_rgb']
    assert [message.split(':')[0].split('/')[-1] for _, message in found['failures']] == ['1_rgb.png', '2_depth.png']


def test_working_size_and_kept_input(completer):
    model = completer.model
    assert model.complete(RGB, DEPTH, size=28).shape == (56, 70)
    kept = model.complete(RGB, DEPTH, keep_input=True)
    np.testing.assert_array_equal(kept, DEPTH)
    holes = DEPTH * (np.random.default_rng(2).random(DEPTH.shape) < 0.3)
    kept = model.complete(RGB, holes, keep_input=True)
    np.testing.assert_array_equal(kept[holes > 0], holes[holes > 0])
    odd = np.where(holes > 0, holes, np.resize([np.nan, np.inf, -1], holes.shape)).astype(np.float32)
    np.testing.assert_array_equal(model.complete(RGB, odd, keep_input=True), kept)  # no measurements
    for size in (0, 13, 2.5, '28', True):
        with pytest.raises(ConfigError, match='size must be a whole number of at least 14'):
            model.complete(RGB, DEPTH, size=size)


@pytest.mark.parametrize('dtype, tolerance', [(torch.bfloat16, 0.05), (torch.float16, 0.02)])
def test_half_precision(completer, dtype, tolerance):
    model = tiny_model()
    full = model.complete(RGB, DEPTH)
    half = model.to(dtype).complete(RGB, DEPTH)
    assert half.dtype == np.float32
    assert np.abs(half - full).mean() < tolerance * np.abs(full).mean()
    assert (half == model.complete(RGB, DEPTH)).all()  # the same every time
    with pytest.raises(ConfigError, match='dtype must be one of'):
        model.to(torch.int8)


def test_nan_is_never_given(completer):
    model = tiny_model()
    for parameter in model.completer.head.vectors[3].parameters():
        parameter.data.fill_(float('nan'))
    assert (model.complete(RGB, DEPTH) == 0).all()


@pytest.mark.parametrize('device', ['gpu', 'cuda:99', 'cuda', 7, 'mps'])
def test_devices_that_are_not_there(completer, device):
    if torch.cuda.is_available() and device != 'gpu':
        pytest.skip('there is a GPU')
    with pytest.raises(ConfigError, match='device='):
        tiny_model().to(device)


def test_what_does_not_fit_into_memory(completer, monkeypatch):
    model = tiny_model()
    whole = model.completer.forward

    def small_machine(inputs, *args, **kwargs):
        if inputs.shape[0] * inputs.shape[-1] * inputs.shape[-2] > 100 * 130:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")
        return whole(inputs, *args, **kwargs)

    monkeypatch.setattr(model.completer, 'forward', small_machine)
    rgb = np.repeat(np.repeat(RGB, 4, 0), 4, 1)  # 224 x 280
    with pytest.raises(MemoryLimitError, match='the images do not fit into memory: size=56 does'):
        model.complete(rgb)
    assert model.complete(rgb, size=56).shape == (224, 280)
    with pytest.raises(MemoryLimitError, match='size=56 does, one image at a time'):
        model.complete(np.stack([RGB] * 5))
    with pytest.raises(MemoryLimitError, match='size=64 does'):  # tried from 1024 on
        model.complete(RGB, size=10**6)


def test_features(completer, tmp_path):
    run = FeatureInferencer(completer.model, size=56)
    found = run([(RGB, DEPTH), (RGB, DEPTH / 2)], batch_size=2, out_dir=tmp_path)['predictions']
    assert [tuple(x.shape) for x in found[0]['fused']] == [(32, 4, 5)] * 4
    assert torch.equal(found[0]['rgb'][3], found[1]['rgb'][3])  # colour never sees depth
    assert not torch.equal(found[0]['fused'][3], found[1]['fused'][3])
    assert {path.name for path in tmp_path.iterdir()} == {'00000000_panel.png', '00000001_panel.png'}


@pytest.fixture(scope='module')
def segmentor(tmp_path_factory):
    config = Config.fromfile(ROOT / 'configs/seg/m2f_vd_rooms_tiny.py')
    model = MODELS.build(config.model)
    return pack_of(model, config, tmp_path_factory.mktemp('seg'), dict(classes=[f'c{i}' for i in range(17)]))


def pack_of(model, config, folder, meta):
    model.dataset_meta = meta
    pack(model, config, folder / 'model', 'test')
    return folder / 'model'


def test_segmentation(segmentor, tmp_path):
    run = RGBDSegInferencer(segmentor, device='cpu')
    found = run([(RGB, DEPTH), (RGB, None)], batch_size=2, out_dir=tmp_path, return_vis=True)
    labels = found['predictions'][0]['sem_seg']
    assert labels.shape == (56, 70) and labels.dtype == np.uint8 and labels.max() < 17
    assert found['predictions'][0]['classes'][1] == 'c1' and found['predictions'][1]['rgb_only']
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / '00000000_labels.png'), -1), labels)
    half = RGBDSegInferencer(segmentor, device='cpu', dtype=torch.bfloat16)((RGB, DEPTH))['predictions'][0]['sem_seg']
    assert (half == labels).mean() > 0.5
    with pytest.raises(ConfigError, match='has no decode_head'):
        RGBDSegInferencer('pretrain_tiny_pde_rooms', device='cpu')
    with pytest.raises(ConfigError, match='give the checkpoint of a trained model'):
        RGBDSegInferencer('m2f_vd_rooms_tiny', device='cpu')


def test_depth_files_are_read_as_the_test_data_are(tmp_path, monkeypatch):
    config = Config.fromfile(ROOT / 'configs/seg/m2f_vd_rooms_tiny.py')
    pipeline = config.test_dataloader.dataset.pipeline
    config.test_dataloader.dataset = dict(type='mmvd.SUNRGBDSegDataset', data_root='x', split='test', pipeline=pipeline)
    folder = pack_of(MODELS.build(config.model), config, tmp_path, dict(classes=['c'] * 17))
    told, seen = logged(monkeypatch, 'info'), []
    run = RGBDSegInferencer(folder, device='cpu')
    assert any("decoder='sunrgbd': say decoder='mm16' for PNGs in millimetres" in line for line in told)
    monkeypatch.setattr(run, 'predict', lambda frames: seen.extend(frames) or [{}] * len(frames))
    for name, array in dict(rgb=RGB, depth=np.full(DEPTH.shape, 2000, np.uint16)).items():
        cv2.imwrite(str(tmp_path / f'{name}.png'), array)
    for decoder in (None, 'mm16'):
        run((tmp_path / 'rgb.png', tmp_path / 'depth.png'), decoder=decoder)
    assert [float(frame.depth_m.max()) for frame in seen] == [0.25, 2.0]  # 2000 turned by three bits; 2000 mm


def test_the_users_camera_reaches_the_encoder(tmp_path):
    config = Config.fromfile(ROOT / 'configs/seg/m2f_vd_rooms_tiny.py')
    small = dict(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8), init_cfg=dict(type='Random'))
    config.model.backbone = dict(type='mmvd.OmnivoreSwin3D', **small)
    config.model.data_preprocessor.depth_encoding = omnivore_disparity()
    config.model.decode_head.in_channels = [32, 64, 128, 128]
    folder = pack_of(MODELS.build(config.model), config, tmp_path, dict(classes=[f'c{i}' for i in range(17)]))
    frame = Frame('a', RGB, DEPTH, False, 'a.png')
    short, long = (
        RGBDSegInferencer(folder, device='cpu', intrinsics=(focal, focal, 35, 28)).batch([frame])['inputs'][:, 3]
        for focal in (60.0, 120.0)
    )
    assert short.max() > 0
    torch.testing.assert_close(2 * short, long)
    guessed = RGBDSegInferencer(folder, device='cpu')
    assert guessed((RGB, DEPTH))['predictions'][0]['sem_seg'].shape == (56, 70)
    with pytest.raises(ConfigError, match='focal length fx'):
        RGBDSegInferencer(folder, device='cpu', intrinsics=(-1, 60, 35, 28))


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    config = Config.fromfile(ROOT / 'configs/cls/linear84_vd_rooms.py')
    config.model.backbone.update(arch=dict(embed_dims=32, depth=4, num_heads=2), init_cfg=None)
    head = dict(type='mmpretrain.LinearClsHead', num_classes=3, in_channels=64)
    config.model.head = dict(head, loss=dict(type='mmpretrain.CrossEntropyLoss'))
    names = dict(classes=['attic', 'bath', 'cellar'])
    return pack_of(MODELS.build(config.model), config, tmp_path_factory.mktemp('cls'), names)


def test_classification(classifier, tmp_path):
    run = RGBDClassificationInferencer(classifier, device='cpu')
    (found,) = run((RGB, DEPTH), out_dir=tmp_path)['predictions']
    assert found['pred_class'] == ('attic', 'bath', 'cellar')[found['pred_label']]
    assert found['pred_score'] == pytest.approx(found['pred_scores'].max())
    assert found['pred_scores'].sum() == pytest.approx(1)
    assert json.loads((tmp_path / '00000000_class.json').read_text())['pred_class'] == found['pred_class']
    assert cv2.imread(str(tmp_path / '00000000_panel.png')).ndim == 3


def test_command_lines(segmentor, classifier, frames, tmp_path):
    (frames / '1_rgb.png').write_bytes(b'junk')
    done = command('segment', frames, frames, '--model', segmentor, '--out', tmp_path / 's')
    assert done.returncode == 1 and '3 done' in done.stdout and '1_rgb.png: no readable image' in done.stderr
    assert 'Traceback' not in done.stderr and '100%' in done.stderr and len(list((tmp_path / 's').iterdir())) == 6
    pair = (frames / '0_rgb.png', frames / '0_depth.png')
    done = command('classify', *pair, '--config', classifier, '--out', tmp_path / 'c')
    assert done.returncode == 0 and '\n0_rgb: ' in f'\n{done.stdout}', done.stderr


def test_command_line_of_completion(frames, tmp_path, monkeypatch):
    model = tiny_model()
    backbone = dict(type='mmvd.VDViT', arch=dict(embed_dims=32, depth=4, num_heads=2), img_size=56)
    head = dict(type='mmvd.DepthCompletionHead', in_channels=32, channels=(16, 12, 8, 8))
    config = Config(
        dict(model=dict(type='mmvd.DepthCompleter', backbone=dict(backbone, strides=(2, 4, 8, 16)), head=head))
    )
    pack(model.completer, config, tmp_path / 'm', 'test')
    opened, open_pack = [], loading.open_pack
    monkeypatch.setattr(loading, 'open_pack', lambda path: opened.append(path) or open_pack(path))
    args = ('complete', frames, frames, '--model', tmp_path / 'm', '--out', tmp_path / 'o', '--size', 42)
    args = (*args, '--keep-input')
    done = command(*args, '--format', 'npy', '--ply', '--intrinsics', 60, 60, 35, 28, '--batch-size', 2, '--bf16')
    assert done.returncode == 0 and len(opened) == 1, done.stderr  # its weights are hashed once
    assert len(list((tmp_path / 'o').iterdir())) == 12 and '4 done' in done.stdout
    done = command(*args, '--format', 'npy')
    assert done.returncode == 2 and 'exists already' in done.stderr and len(done.stderr.splitlines()) == 1
    done = command('features', frames / '0_rgb.png', '--model', tmp_path / 'm', '--out', tmp_path / 'f')
    assert done.returncode == 0 and 'colour alone' in done.stdout, done.stderr
    done = command('complete', frames, '--out', tmp_path / 'x', '--model', 'pretrain_tiny_pde_rooms')
    assert done.returncode == 2 and 'has no trained weights' in done.stderr and len(done.stderr.splitlines()) == 1
