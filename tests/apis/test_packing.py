"""Packed models: one folder, checked before it is opened, and opened without this checkout's configs."""

import errno
import hashlib
import json
import os

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

import mmvd
from mmvd.apis.exporting import Completer, export
from mmvd.apis.loading import build_filled
from mmvd.apis.model import VDModel
from mmvd.apis.packing import CARD, CONFIG, WEIGHTS, open_pack, pack, read_card
from mmvd.errors import ConfigError, SavingError, WeightsError
from mmvd.saving import AtomicLocalBackend
from tests.commands import script
from tests.conftest import ROOT, TINY, logged
from tests.models.test_depth_encodings import CONFIGS, completer

RGB = np.random.default_rng(0).integers(0, 256, (56, 56, 3), dtype=np.uint8)


@pytest.fixture(scope='module')
def config():
    config = Config.fromfile(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py')
    config.model.backbone.arch = dict(embed_dims=32, depth=4, num_heads=2)
    config.model.head.update(in_channels=32, channels=(16, 12, 8, 8))
    return config


@pytest.fixture
def packed(config, tmp_path):
    model = mmvd.load_model(config, device='cpu')
    pack(model.completer, config, tmp_path / 'a folder', 'epoch_6.pth')
    return tmp_path / 'a folder', model


def test_it_opens_as_the_same_model(packed, tmp_path):
    folder, model = packed
    again = mmvd.load_model(folder, device='cpu')
    np.testing.assert_array_equal(again.complete(RGB), model.complete(RGB))
    card = read_card(folder)
    assert card['source'] == 'epoch_6.pth' and card['depth_encoding']['num_channels'] == 32
    assert card['versions']['torch'] and card['parameters'] == sum(p.numel() for p in model.completer.parameters())
    text = (folder / CONFIG).read_text()
    assert 'train_dataloader' not in text and 'init_cfg' not in text and str(tmp_path) not in text


@pytest.mark.parametrize('name', [WEIGHTS, CONFIG])
def test_another_file_is_refused(packed, name):
    data = bytearray((packed[0] / name).read_bytes())
    data[-9] ^= 1
    (packed[0] / name).write_bytes(data)
    with pytest.raises(WeightsError, match=f'{name}: missing, or not the file that was packed'):
        mmvd.load_model(packed[0])
    (packed[0] / name).unlink()
    with pytest.raises(WeightsError, match=f'{name}: missing'):
        mmvd.load_model(packed[0])


@pytest.mark.parametrize('content', ['', '[]', '{}', '{"format": 1}', '{"format": 1, "sha256": 3}'])
def test_a_damaged_card(packed, content):
    (packed[0] / CARD).write_text(content)
    with pytest.raises(WeightsError, match='damaged'):
        mmvd.load_model(packed[0])


@pytest.mark.parametrize('content', ['{"__tuple__": []}', '{"model": 1}', '{"model": {}, "text": ""}'])
def test_a_config_that_is_none(packed, content):
    """Of the checksum that its card names, as someone may have edited both."""
    (packed[0] / CONFIG).write_text(content)
    card = read_card(packed[0])
    card['sha256'][CONFIG] = hashlib.sha256(content.encode()).hexdigest()
    (packed[0] / CARD).write_text(json.dumps(card))
    with pytest.raises(WeightsError, match=f'{CONFIG}: holds no config of a model: pack the model again'):
        mmvd.load_model(packed[0])


def test_a_later_format(packed):
    (packed[0] / CARD).write_text(json.dumps(dict(read_card(packed[0]), format=3)))
    with pytest.raises(WeightsError, match='another format'):
        mmvd.load_model(packed[0])


def test_what_is_there_is_not_replaced(packed, config):
    folder, model = packed
    with pytest.raises(ConfigError, match='there is mmvd_model.json, config.json, model.safetensors already'):
        pack(model.completer, config, folder, 'x')
    pack(model.completer, config, folder, 'x', overwrite=True)
    with pytest.raises(ConfigError, match='brings its weights'):
        mmvd.load_model(folder, 'other.pth')
    with pytest.raises(SavingError):
        pack(model.completer, config, folder / WEIGHTS / 'below', 'x')


def test_command(config, tmp_path):
    torch.save(dict(state_dict=mmvd.load_model(config, device='cpu').completer.state_dict()), tmp_path / 'c.pth')
    config.dump(tmp_path / 'c.py')
    done = script('model_converters/pack', tmp_path / 'c.py', tmp_path / 'c.pth', tmp_path / 'out')
    assert done.returncode == 0 and 'parameters' in done.stdout and 'SHA-256' in done.stdout, done.stderr
    assert mmvd.load_model(tmp_path / 'out').complete(RGB).shape == (56, 56)


def test_tuples_and_numbers_as_keys_stay(packed, config, tmp_path):
    """mmcv asks whether a scale is a tuple."""
    steps = [dict(type='Resize', scale=(640, 480), ratio_range=[0.5, (1, 2.0)])]
    own = dict(label_map={0: 255, 1: (3, 4)}, pipeline=steps, odd={'__tuple__': 1, 'other': None})
    other = Config(dict(config.to_dict(), test_dataloader=dict(dataset=own)))
    pack(packed[1].completer, other, tmp_path / 'b', 'x')
    found = open_pack(tmp_path / 'b')[0].test_dataloader.dataset.to_dict()
    assert found == own and isinstance(found['pipeline'][0]['scale'], tuple)
    assert isinstance(found['pipeline'][0]['ratio_range'], list)


def test_packed_weights_know_their_encoding(packed, config):
    """Also where the file alone is named: its tensors fit an encoder that reads other numbers."""
    other = Config(config.to_dict())
    other.model.backbone.depth_encoding = dict(config.model.backbone.depth_encoding, max_depth=80.0)
    other.model.head.max_depth = 80.0
    with pytest.raises(WeightsError, match='was trained with the depth encoding.*max_depth=15.0.*max_depth=80.0'):
        mmvd.load_model(other, packed[0] / WEIGHTS)
    mmvd.load_model(config, packed[0] / WEIGHTS)


def test_a_model_of_a_host_is_packed(tmp_path):
    """In the default scope of its config; the process keeps its own."""
    pytest.importorskip('mmpretrain')
    backbone = dict(type='mmvd.VDViT', out_type='cls_token', out='fused', frozen='all', **TINY)
    head = dict(type='LinearClsHead', num_classes=3, in_channels=32)
    preprocessor = dict(type='mmvd.RGBDClsDataPreprocessor')
    model = dict(type='ImageClassifier', backbone=backbone, head=head, data_preprocessor=preprocessor)
    config = Config(dict(model=model, default_scope='mmpretrain'))
    with DefaultScope.overwrite_default_scope('mmengine'):
        torch.save(build_filled(config, None).state_dict(), tmp_path / 'c.pth')
        assert DefaultScope.get_current_instance().scope_name == 'mmengine'
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        build_filled(Config(dict(model=model)), None)  # one that names no scope is built in the caller's
    config.dump(tmp_path / 'c.py')
    done = script('model_converters/pack', tmp_path / 'c.py', tmp_path / 'c.pth', tmp_path / 'out')
    assert done.returncode == 0 and 'ImageClassifier' in done.stdout, done.stderr


@pytest.mark.parametrize('part', ['encoder', 'completer'])
@pytest.mark.parametrize('encoding', ['pde_key', 'p3de'])
def test_export_of_other_encodings(tmp_path, part, encoding):
    model = VDModel(completer(CONFIGS[encoding]), torch.device('cpu'))
    assert export(model, part, (56, 56), tmp_path / 'graph.pt2')['max_rel'] < 1e-6


def test_a_model_that_torch_cannot_export_is_one_line(packed, tmp_path, monkeypatch):
    backbone = type(packed[1].completer.backbone)
    monkeypatch.setattr(backbone, 'forward', lambda self, inputs: inputs * float(inputs.sum()))
    with pytest.raises(ConfigError, match='a.pt2: torch cannot export this model') as error:
        export(packed[1], 'encoder', (56, 56), tmp_path / 'a.pt2')
    assert '\n' not in str(error.value) and not list(tmp_path.glob('*.pt2'))


@pytest.mark.parametrize('part', ['encoder', 'completer'])
@pytest.mark.parametrize('ending', ['pt2', 'onnx'])
def test_export(packed, tmp_path, part, ending):
    pytest.importorskip('onnxruntime', reason='the extra [export] is not installed')
    path = tmp_path / f'graph.{ending}'
    path.write_text('an older graph')
    distance = export(packed[1], part, (56, 72), path)
    assert path.stat().st_size > 1000 and not list(tmp_path.glob('.*'))
    if (part, ending) == ('completer', 'onnx'):
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
        assert [each.name for each in session.get_inputs()] == ['rgb', 'depth']
        assert [each.name for each in session.get_outputs()] == ['depth_m']
    assert distance['max_rel'] < (1e-6 if ending == 'pt2' else 1e-4)  # onnxruntime multiplies in another order


@pytest.mark.parametrize('encoding', ['disparity', 'p3de'])
def test_the_graph_completes_as_the_model_does(encoding):
    settings = CONFIGS[encoding]
    model = VDModel(completer(settings), torch.device('cpu'))
    rgb, depth = torch.randint(0, 256, (1, 3, 56, 70)).float(), torch.rand(1, 1, 56, 70) * 5 + 0.5
    found = Completer(model)(rgb, depth)
    torch.testing.assert_close(found, model.complete(rgb, depth), atol=1e-4, rtol=1e-4)


def test_a_graph_with_a_guessed_camera_is_told_of(tmp_path, monkeypatch):
    told = logged(monkeypatch)
    model = VDModel(completer(CONFIGS['p3de']), torch.device('cpu'))
    export(model, 'completer', (56, 56), tmp_path / 'graph.pt2')
    assert any('the one guessed for (56, 56) is built into the graph' in line for line in told)


def test_a_graph_that_onnx_cannot_say_is_one_line(tmp_path):
    pytest.importorskip('onnxruntime', reason='the extra [export] is not installed')
    model = VDModel(completer(CONFIGS['p3de']), torch.device('cpu'))
    with pytest.raises(ConfigError, match='a.onnx: ONNX has no such operations .*: export to .pt2') as error:
        export(model, 'completer', (56, 56), tmp_path / 'a.onnx')
    assert '\n' not in str(error.value) and not list(tmp_path.iterdir())


def test_a_full_disk_is_told_by_the_graph_that_did_not_fit(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'fsync', lambda file: (_ for _ in ()).throw(OSError(errno.ENOSPC, 'No space left')))
    with pytest.raises(SavingError, match='a.pt2: could not be written .No space left'):
        export(packed[1], 'encoder', (56, 56), tmp_path / 'a.pt2')
    assert not list(tmp_path.glob('*.pt2'))


def test_export_refuses(packed, tmp_path):
    for part, size, name, match in [
        ('decoder', (56, 56), 'a.onnx', 'the part must be encoder or completer'),
        ('encoder', (56, 56), 'a.pb', 'the ending pt2 or onnx'),
        ('encoder', (56, 57), 'a.onnx', 'multiples of the patch of 8'),
        ('encoder', (0, 56), 'a.onnx', 'export: size'),
        ('encoder', 56, 'a.onnx', 'export: size'),
        ('encoder', (56.0, 56.5), 'a.onnx', 'export: size'),
    ]:
        with pytest.raises(ConfigError, match=match):
            export(packed[1], part, size, tmp_path / name)
    done = script('model_converters/export_graph', 'pretrain_tiny_pde_rooms', tmp_path / 'a.pt2')
    assert done.returncode == 2 and 'has no trained weights' in done.stderr  # no random network


def test_the_encoder_is_one_graph_for_all_sizes(packed):
    encoder = packed[1].completer.backbone
    compiled = torch.compile(encoder, fullgraph=True, dynamic=True, backend='eager')
    with torch.no_grad():
        for side in (56, 72):
            inputs = torch.rand(1, 4, side, side)
            for a, b in zip(compiled(inputs), encoder(inputs), strict=True):
                torch.testing.assert_close(a, b)


def test_files_of_others_are_not_replaced(packed, config, tmp_path):
    """Hugging Face's folders have the same names."""
    (tmp_path / 'config.json').write_text('precious')
    with pytest.raises(ConfigError, match='there is config.json already'):
        pack(packed[1].completer, config, tmp_path, 'x')
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ['config.json']


@pytest.mark.parametrize('ending', ['pt2', 'onnx'])
def test_a_folder_is_no_place_for_a_graph(packed, tmp_path, ending):
    (tmp_path / f'a.{ending}').mkdir()
    with pytest.raises(ConfigError, match='a folder, where a file is to be written'):
        export(packed[1], 'encoder', (56, 56), tmp_path / f'a.{ending}')


def test_a_graph_is_there_until_the_new_one_is_whole(packed, tmp_path, monkeypatch):
    path = tmp_path / 'graph.pt2'
    path.write_text('an older graph')

    def cut(program, file):
        file.write(b'the beginning')
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.export, 'save', cut)
    with pytest.raises(KeyboardInterrupt):
        export(packed[1], 'encoder', (56, 56), path)
    assert path.read_text() == 'an older graph' and not list(tmp_path.glob('.*'))


def test_a_model_that_is_replaced_is_there_until_the_new_one_is(packed, config, monkeypatch):
    folder, model = packed
    before = mmvd.load_model(folder, device='cpu').complete(RGB)
    names = sorted(path.name for path in folder.iterdir())

    put = AtomicLocalBackend.put

    def full(self, content, path):
        if CARD in str(path):
            raise SavingError('a full disk')
        put(self, content, path)

    monkeypatch.setattr(AtomicLocalBackend, 'put', full)
    other = mmvd.load_model(config, device='cpu')
    with pytest.raises(SavingError, match='a full disk'):
        pack(other.completer, config, folder, 'x', overwrite=True)
    assert np.array_equal(mmvd.load_model(folder, device='cpu').complete(RGB), before)
    assert sorted(path.name for path in folder.iterdir()) == names
