"""Linear probes on the official layouts: what is missing is told, what is held out is held out, all of them train."""

import json

import pytest
from mmengine.config import Config

from mmvd.apis.launch import build_runner
from mmvd.apis.preflight import check_inputs
from mmvd.datasets.scene_datasets import NYU10
from mmvd.errors import ConfigError, MissingInputsError
from tests import fabricate
from tests.commands import script
from tests.conftest import ROOT
from tests.test_training import run


@pytest.mark.parametrize(
    'settings, text',
    [
        (dict(part='all'), 'held-out samples are in the training set, e.g. .*train/images'),
        (dict(part='train', holdout=0.5), None),  # holds out more than the other side reads: no overlap
        (dict(part='all', paper_compat=True), None),
        (dict(part='train', without=True), 'need a test set and a held-out part'),
        (dict(part='train', tested='scenes_train.txt'), 'test samples are trained on, e.g. .*train/images'),
        (
            dict(part='train', reversed=True),
            "val_dataloader: NYUv2SceneDataset.* has 10 classes .* class 0 is 'others' here and 'bedroom' there",
        ),
    ],
)
def test_held_out_part_must_be_held_out(tmp_path, monkeypatch, settings, text):
    fabricate.fabricate_nyuv2_mat(tmp_path / 'nyuv2', 36)
    assert run('tools/dataset_converters/nyuv2.py', str(tmp_path / 'nyuv2')).returncode == 0
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    config = Config.fromfile(ROOT / 'configs/cls/linear84_vd_nyuv2.py')
    config.merge_from_dict(
        {
            'model.backbone.img_size': 56,
            'model.backbone.init_cfg.type': 'Random',
            'model.head.in_channels': 64,
            'train_dataloader.batch_size': 2,
            'train_dataloader.sampler.samples_per_epoch': 2,
            'train_cfg.max_epochs': 1,
            'val_evaluator.paper_compat': settings.pop('paper_compat', False),
            **{
                f'{loader}.{key}': value
                for loader in ('train_dataloader', 'val_dataloader')
                for key, value in dict(num_workers=0, persistent_workers=False).items()
            },
        }
    )
    config.model.backbone.arch = dict(embed_dims=32, depth=4, num_heads=2)
    if settings.pop('without', False):
        config.val_dataloader.dataset.datasets = config.val_dataloader.dataset.datasets[1:]
    part = config.val_dataloader.dataset.datasets[-1]
    part.ann_file = settings.pop('tested', part.ann_file)
    if settings.pop('reversed', False):
        for part in config.val_dataloader.dataset.datasets:
            part.classes = NYU10[::-1]
    config.train_dataloader.dataset.update(settings)
    config.work_dir = str(tmp_path / 'run')
    runner = build_runner(config, training=True)
    if text:
        with pytest.raises(ConfigError, match=text):
            runner.train()
        assert runner.iter == 0
        return
    runner.train()
    result = json.loads((tmp_path / 'run/results/epoch_1.json').read_text())['result']
    assert (
        (result['images']['holdout'] == 0)
        == config.val_evaluator.paper_compat
        == (result['selected_on_holdout'] is None)
    )
    if config.val_evaluator.paper_compat:  # the checkpoint knows what it was trained on
        check_test_of_the_papers_protocol(config, tmp_path)


def check_test_of_the_papers_protocol(config: Config, folder) -> None:
    again = Config(config.to_dict())  # what was trained on before is not forgotten when a run goes on without it
    again.train_dataloader.dataset.part, again.val_evaluator.paper_compat, again.train_cfg.max_epochs = (
        'train',
        False,
        2,
    )
    again.load_from, again.resume = str(folder / 'run/epoch_1.pth'), True
    with pytest.raises(ConfigError, match='trained on held-out samples, which cannot choose'):
        build_runner(again, training=True).train()
    config.load_from, config.work_dir = str(folder / 'run/epoch_1.pth'), str(folder / 'test')
    config.test_dataloader.update(num_workers=0, persistent_workers=False)
    with pytest.raises(ConfigError, match='test_evaluator.paper_compat=True'):
        build_runner(config, training=False).test()
    config.test_evaluator.paper_compat = True
    build_runner(config, training=False).test()
    tested, trained = (
        json.loads((folder / path).read_text())['result']
        for path in ('test/results/test.json', 'run/results/epoch_1.json')
    )
    assert tested == trained and tested['images']['holdout'] == 0
    config.test_dataloader.dataset.datasets[1].classes = NYU10[::-1]
    with pytest.raises(ConfigError, match="KeyedConcat: .* class 0 is 'others' here and 'bedroom' there"):
        build_runner(config, training=False).test()


def test_promised_command_says_what_is_missing(tmp_path):
    done = script('train', 'configs/cls/linear84_vd_nyuv2.py', MMVD_DATA=str(tmp_path), MMVD_WEIGHTS=str(tmp_path))
    assert done.returncode == 2 and 'vd_dinov2_pde.pth (no such file); made by' in done.stderr
    assert (
        f'{tmp_path}/nyuv2 (no such folder); made by: python tools/dataset_converters/nyuv2.py {tmp_path}/nyuv2'
        in done.stderr
    )


def test_rgb_only_baseline_does_without_depth_where_it_is_told_to(tmp_path, monkeypatch):
    fabricate.fabricate_classes(tmp_path / 'imagenet', 'imagenet')
    for path in (tmp_path / 'imagenet').rglob('*_depth.png'):
        path.unlink()
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    config = Config.fromfile(ROOT / 'configs/cls/linear84_rgb_imagenet.py')
    config.model.backbone.init_cfg = dict(type='Random')
    with pytest.raises(MissingInputsError, match='_depth.png .no such file'):
        check_inputs(config, training=True)
    config.merge_from_dict(
        {f'{loader}.dataset.pipeline.1.allow_missing_depth': True for loader in ('train_dataloader', 'val_dataloader')}
    )
    check_inputs(config, training=True)


@pytest.mark.parametrize('name', ['sunrgbd', 'nyuv2', 'imagenet', 'mvip'])
def test_official_layouts_train(tmp_path, monkeypatch, name):
    """Fabricated files in the official layout, one epoch of two steps with the shipped config at a small size."""
    root = tmp_path / name
    if name == 'sunrgbd':
        fabricate.fabricate_sunrgbd(root, 24, 4)
        assert run('tools/dataset_converters/sunrgbd.py', str(root)).returncode == 0
    elif name == 'nyuv2':
        fabricate.fabricate_nyuv2_mat(root, 36)
        assert run('tools/dataset_converters/nyuv2.py', str(root)).returncode == 0
    else:
        fabricate.fabricate_classes(root, name, 80 if name == 'imagenet' else 4)  # of which 2 in a hundred are held out
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    config = Config.fromfile(ROOT / f'configs/cls/linear84_vd_{name}.py')
    config.merge_from_dict(
        {
            'model.backbone.img_size': 56,
            'model.backbone.init_cfg.type': 'Random',
            'model.head.in_channels': 64,
            'train_dataloader.batch_size': 2,
            'train_dataloader.sampler.samples_per_epoch': 4,
            'train_cfg.max_epochs': 1,
            'train_dataloader.num_workers': 0,
            'train_dataloader.persistent_workers': False,
            'val_dataloader.num_workers': 0,
            'val_dataloader.persistent_workers': False,
        }
    )
    config.model.backbone.arch = dict(embed_dims=32, depth=4, num_heads=2)
    config.work_dir = str(tmp_path / 'run')
    if name in ('imagenet', 'mvip'):
        with pytest.raises(ConfigError, match='have 2 classes, but the head of the model has num_classes=(1000|308)'):
            build_runner(config, training=True).train()
        config.model.head.num_classes = 2
    runner = build_runner(config, training=True)
    runner.train()
    assert 'val/probe/accuracy' in runner.message_hub.log_scalars
    result = json.loads(next((tmp_path / 'run/results').glob('*.json')).read_text())['result']
    assert result['selected_on_holdout'] and result['best_on_test']
