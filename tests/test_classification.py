"""Linear probes from end to end: rooms, export, inference, choice of features, resume."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmvd.apis import RGBDClassificationInferencer
from mmvd.apis.launch import build_runner
from mmvd.apis.resuming import newest_checkpoint
from mmvd.errors import ConfigError, SampleError
from mmvd.models.weights import load_checkpoint
from mmvd.registry import MODELS
from tests.conftest import ROOT
from tests.test_training import run

SMALL = {
    'model.backbone.arch.embed_dims': 32,
    'model.backbone.arch.num_heads': 2,
    'model.backbone.img_size': 56,
    'model.backbone.init_cfg.type': 'Random',
    'model.head.in_channels': 64,
    'train_dataloader.dataset.length': 12,
    'train_dataloader.dataset.size': [56, 56],
    'train_dataloader.batch_size': 4,
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
    'train_dataloader.sampler.samples_per_epoch': 8,
    'train_dataloader.dataset.pipeline.0.size': 56,
    'train_cfg.max_epochs': 2,
    'default_hooks.logger.interval': 1,
    **{
        f'{loader}.{key}': value
        for loader in ('val_dataloader', 'test_dataloader')
        for key, value in {
            'num_workers': 0,
            'persistent_workers': False,
            'batch_size': 4,
            'dataset.datasets.0.length': 5,
            'dataset.datasets.1.length': 6,
            'dataset.datasets.0.size': [56, 56],
            'dataset.datasets.1.size': [56, 56],
            'dataset.pipeline.0.size': 56,
            'dataset.pipeline.1.size': 56,
        }.items()
    },
}


def small(work_dir, **changes) -> Config:
    config = Config.fromfile(ROOT / 'configs/cls/linear84_vd_rooms.py', format_python_code=False)
    config.merge_from_dict({**SMALL, **changes})
    config.work_dir = str(work_dir)
    return config


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('probes')
    config = small(folder / 'run')
    config.dump(folder / 'config.py')
    runner = build_runner(config, training=True)
    before = {key: value.clone() for key, value in runner.model.backbone.state_dict().items()}
    runner.train()
    assert all(torch.equal(before[key], value) for key, value in runner.model.backbone.state_dict().items())
    return folder


pytestmark = pytest.mark.xdist_group('probes')


def test_rooms(trained):
    result = json.loads((trained / 'run/results/epoch_2.json').read_text())['result']
    assert result['images'] == dict(holdout=5, test=6) and len(result['heads']) == 84
    best = max(head['holdout'] for head in result['heads'])
    assert result['selected']['holdout'] == best and result['selected'] in result['heads']
    assert result['best_on_test']['test'] == max(head['test'] for head in result['heads'])
    weight = load_checkpoint(trained / 'run/epoch_2.pth')['state_dict']['head.weight']
    assert weight.shape == (84, 5, 64) and not torch.equal(weight[0], weight[13])


def test_exported_head_has_the_accuracy_of_its_probe(trained, tmp_path):
    result = json.loads((trained / 'run/results/epoch_2.json').read_text())['result']
    done = run(
        'tools/model_converters/export_linear_head.py',
        str(trained / 'config.py'),
        str(trained / 'run/epoch_2.pth'),
        str(tmp_path / 'best'),
    )
    assert done.returncode == 0 and f'head {result["selected"]["head"]} (' in done.stdout, done.stderr
    done = run(
        'tools/test.py', str(tmp_path / 'best.py'), str(tmp_path / 'best.pth'), '--work-dir', str(tmp_path / 'test')
    )
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = json.loads(next((tmp_path / 'test').glob('*/*.json')).read_text())
    assert metrics['accuracy/top1'] == pytest.approx(result['selected']['test'], abs=1e-4)
    folder = tmp_path / 'frames'
    for kind, value in (('rgb', np.full((60, 80, 3), 90, np.uint8)), ('depth', np.full((60, 80), 1500, np.uint16))):
        (folder / kind).mkdir(parents=True)
        for name in 'ab':
            cv2.imwrite(str(folder / kind / f'{name}.png'), value)
    arguments = ('--config', str(tmp_path / 'best.py'), '--checkpoint', str(tmp_path / 'best.pth'), '--overwrite')
    arguments += ('--out', str(tmp_path / 'classes'))
    told = run('-m', 'mmvd', 'classify', str(folder / 'rgb'), str(folder / 'depth'), *arguments)
    assert told.returncode == 0 and told.stdout.startswith('a: ') and '\nb: ' in told.stdout, told.stderr[-2000:]
    assert '%)' in told.stdout
    assert any(scene in told.stdout for scene in ('bedroom', 'living room', 'office', 'kitchen', 'bathroom'))
    large = tmp_path / 'large'  # the same frame: images are brought to the size that the head was trained at
    large.mkdir()
    cv2.imwrite(str(large / 'rgb.png'), np.full((600, 800, 3), 90, np.uint8))
    cv2.imwrite(str(large / 'depth.png'), np.full((600, 800), 1500, np.uint16))
    run_on = RGBDClassificationInferencer(tmp_path / 'best.py', tmp_path / 'best.pth', device='cpu')
    small_one = run_on((folder / 'rgb/a.png', folder / 'depth/a.png'))['predictions'][0]['pred_scores']
    found = run_on((large / 'rgb.png', large / 'depth.png'))['predictions'][0]['pred_scores']
    np.testing.assert_allclose(found, small_one, atol=1e-5)
    (folder / 'depth/b.png').unlink()
    told = run('-m', 'mmvd', 'classify', str(folder / 'rgb'), str(folder / 'depth'), *arguments)
    assert told.returncode == 1 and 'left out: ' in told.stderr and 'b.png: no depth file of this' in told.stderr
    assert told.stdout.startswith('a: ')
    assert Config.fromfile(tmp_path / 'best.py').class_names == [
        'bedroom',
        'living room',
        'office',
        'kitchen',
        'bathroom',
    ]


def asked(config, checkpoint, out, head: int | None = None, overwrite: bool = False) -> SimpleNamespace:
    return SimpleNamespace(config=str(config), checkpoint=str(checkpoint), out=str(out), head=head, overwrite=overwrite)


def test_export_refuses_what_does_not_belong_together(trained, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools/model_converters'))
    from export_linear_head import export

    probes, checkpoint = str(trained / 'config.py'), str(trained / 'run/epoch_2.pth')
    torch.save(dict(state_dict={'x': torch.zeros(1)}, meta=dict(epoch=1)), tmp_path / 'other.pth')
    for config, weights, out, head, text in (
        (probes, checkpoint, tmp_path / 'x', 84, 'has heads 0 to 83'),
        (probes, tmp_path / 'other.pth', tmp_path / 'x', None, 'holds no probes'),
        ('configs/cls/linear84_vd_sunrgbd.py', checkpoint, tmp_path / 'x', None, r'probes of shape .84, 5, 64'),
        ('configs/seg/m2f_vd_rooms.py', checkpoint, tmp_path / 'x', None, 'has no grid of linear probes'),
        (probes, checkpoint, trained / 'config', None, 'config.py: would overwrite what it is made of'),
        (probes, checkpoint, trained / 'run/epoch_2', None, 'epoch_2.pth: would overwrite what it is made of'),
        (tmp_path / 'none.py', checkpoint, tmp_path / 'x', None, 'no such config'),
    ):
        with pytest.raises(ConfigError, match=text):
            export(asked(config, weights, out, head))
    whole, results = (
        torch.load(checkpoint, weights_only=True),
        json.loads((trained / 'run/results/epoch_2.json').read_text()),
    )
    (tmp_path / 'results').mkdir()
    for meta, result, text in (
        (
            dict(whole['meta'], iter=3),
            json.dumps(results),
            'result after 4 steps, but .*p.pth is of step 3: name a head',
        ),
        (whole['meta'], '{"result": ', 'epoch_2.json: no such file, or damaged'),
        ({}, '', 'epoch_None.json: no such file'),
    ):
        (tmp_path / 'results/epoch_2.json').write_text(result)
        torch.save(dict(whole, meta=meta), tmp_path / 'p.pth')
        with pytest.raises(ConfigError, match=text):
            export(asked(probes, tmp_path / 'p.pth', tmp_path / 'x'))
    assert 'head 3 (rate 0.0001' in export(asked(probes, tmp_path / 'p.pth', tmp_path / 'x', 3))
    with pytest.raises(ConfigError, match=r'x.py: there is a file of this name already: .*--overwrite'):
        export(asked(probes, tmp_path / 'p.pth', tmp_path / 'x', 4))
    assert 'head 4 ' in export(asked(probes, tmp_path / 'p.pth', tmp_path / 'x', 4, overwrite=True))
    config = Config.fromfile(probes)
    config.test_dataloader.dataset.datasets[0].split = 'test'
    config.dump(tmp_path / 'two.py')
    with pytest.raises(ConfigError, match='test_dataloader: 2 test sets where a classifier has one'):
        export(asked(tmp_path / 'two.py', checkpoint, tmp_path / 'y', 0))


def test_depth_files_are_read_as_the_test_data_are(tmp_path):
    config = small(tmp_path)
    config.model.head = dict(
        type='mmpretrain.LinearClsHead', num_classes=19, in_channels=64, loss=dict(type='mmpretrain.CrossEntropyLoss')
    )
    config.test_dataloader.dataset = dict(
        type='mmvd.SUNRGBDSceneDataset', ann_file='scenes_test.txt', data_root='x', pipeline=[]
    )
    model = MODELS.build(config.model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'model.pth')
    reader = RGBDClassificationInferencer(config, tmp_path / 'model.pth')
    assert reader.reader_settings == dict(file_decoder='sunrgbd', turns_along=False)
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(np.full((56, 70, 3), 99, np.uint8)).save(tmp_path / 'x.jpg', exif=exif)
    np.save(tmp_path / 'd.npy', np.ones((56, 70), np.float32))
    with pytest.raises(SampleError, match='x.jpg: its EXIF data turn or mirror it'):
        reader((tmp_path / 'x.jpg', tmp_path / 'd.npy'), decoder='npy')
    config.test_dataloader.dataset = dict(
        type='mmvd.ImageNetRGBDDataset',
        images='val/*/*.JPEG',
        data_root='x',
        pipeline=config.val_dataloader.dataset.pipeline,
    )
    reader = RGBDClassificationInferencer(config, tmp_path / 'model.pth')  # depth predicted from the turned image
    (found,) = reader((tmp_path / 'x.jpg', tmp_path / 'd.npy'), decoder='npy')['predictions']
    assert found['pred_label'] < 19
    config.model.pop('head')
    with pytest.raises(ConfigError, match='none of a classifier with one head'):
        RGBDClassificationInferencer(config, tmp_path / 'model.pth')


def test_resumed_probes_equal_uninterrupted_ones(trained, tmp_path):
    config = small(tmp_path, **{'load_from': str(trained / 'run/epoch_1.pth'), 'resume': True})
    build_runner(config, training=True).train()
    a, b = (load_checkpoint(folder / 'epoch_2.pth')['state_dict'] for folder in (trained / 'run', tmp_path))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert newest_checkpoint([tmp_path])[0] is not None


@pytest.mark.parametrize(
    'out, out_type, last_blocks, width',
    [
        ('rgb', 'cls_token', 1, 32),
        ('fused', 'cls_token', 1, 32),
        ('rgb+fused', 'cls_token', 1, 64),
        ('rgb+fused', 'avg_featmap', 1, 64),
        ('rgb+fused', 'cls_token', 3, 192),
    ],
)
def test_choice_of_features(tmp_path, out, out_type, last_blocks, width):
    config = small(
        tmp_path,
        **{
            'model.backbone.out': out,
            'model.backbone.out_type': out_type,
            'model.backbone.last_blocks': last_blocks,
            'model.head.in_channels': width,
            'train_cfg.max_epochs': 1,
        },
    )
    runner = build_runner(config, training=True)
    runner.train()
    assert runner.model.backbone.out_channels == width


def test_head_with_another_number_of_classes_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='has 5 classes, but the head of the model has num_classes=19'):
        build_runner(
            small(tmp_path, **{'model.head.num_classes': 19, 'train_dataloader.dataset.length': 2}), training=True
        )


def test_grid_of_a_checkpoint_is_kept(trained, tmp_path):
    config = small(
        tmp_path,
        **{
            'load_from': str(trained / 'run/epoch_1.pth'),
            'resume': True,
            'model.head.dropouts': [0.5, 0.4, 0.3, 0.2, 0.1, 0.0],
        },
    )
    with pytest.raises(ConfigError, match='trained with another grid.*different: settings'):
        build_runner(config, training=True).train()
    for changes, key in (({'model.head.lr_scale': 50.0}, 'lr_scale'), ({'model.head.seed': 1}, 'seed')):
        again = small(tmp_path, **{'load_from': str(trained / 'run/epoch_1.pth'), 'resume': True, **changes})
        with pytest.raises(ConfigError, match=f'different: {key}'):
            build_runner(again, training=True).train()
