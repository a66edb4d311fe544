"""The promised commands, as a user runs them, at a small size."""

import json
import subprocess

import pytest
import timm
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmvd.apis.launch import running
from mmvd.compat import load_checkpoint_file
from tests.commands import command, forked, script
from tests.conftest import ROOT
from tests.fabricate import fabricate_nine

TINY_RUN = {
    'model.backbone.arch.embed_dims': 32,
    'model.backbone.arch.depth': 4,
    'model.backbone.arch.num_heads': 2,
    'model.head.in_channels': 32,
    'model.head.channels': [16, 12, 8, 8],
    'model.test_cfg.kept_densities': [0.2, 0.5, 0.8],
    'train_dataloader.dataset.datasets.rooms.length': 6,
    'train_dataloader.dataset.samples_per_epoch': 8,
    'train_dataloader.batch_size': 4,
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
    'val_dataloader.num_workers': 0,
    'val_dataloader.persistent_workers': False,
    'val_dataloader.dataset.dataset.length': 2,
    'train_cfg.max_epochs': 2,
    'train_cfg.val_interval': 1,
    'default_hooks.logger.interval': 1,
    'param_scheduler': [dict(type='ConstantLR', factor=1.0, by_epoch=True)],
}


def run(*arguments, **environment) -> subprocess.CompletedProcess:
    # what works with a runner has a process of its own; what is refused before can be a script, too
    if arguments[0].startswith(('tools/dataset_converters/', 'tools/analysis/')):
        return script(arguments[0].removeprefix('tools/').removesuffix('.py'), *arguments[1:], **environment)
    if arguments[:2] == ('-m', 'mmvd'):
        return command(*arguments[2:], **environment)
    return forked(*arguments, **environment)


def tiny_config(work_dir, panels: bool = False, **changes) -> Config:
    """Two epochs in process, without what takes longer than they do: pictures, and yapf's layout of the config."""
    config = Config.fromfile(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py', format_python_code=False)
    config.merge_from_dict({**TINY_RUN, **changes})
    config.custom_hooks = [hook for hook in config.custom_hooks if panels or 'Panel' not in hook.type]
    config.work_dir = str(work_dir)
    return config


def test_promised_command_says_what_is_missing(tmp_path):
    for name in ('pretrain_dinov2_pde', 'pretrain_dinov2_pde_448', 'pretrain_dinov2_pde_rooms'):
        done = script(
            'train',
            f'configs/vd/{name}.py',
            '--work-dir',
            str(tmp_path / 'run'),
            MMVD_DATA=str(tmp_path / 'data'),
            MMVD_WEIGHTS=str(tmp_path / 'weights'),
        )
        assert done.returncode == 2 and 'Traceback' not in done.stderr
        assert 'MissingInputsError' in done.stderr and 'What to do' in done.stderr
        wanted = (
            []
            if name.endswith('rooms')
            else ['lm', 'tless', 'ycbv', 'graspnet', 'nyuv2', 'matterport3d', 'scannet', 'blendedmvs', 'cityscapes']
        )
        for dataset in wanted:
            assert f'dataset {dataset}: {tmp_path / "data" / dataset}' in done.stderr
        weights = (
            'work_dirs/pretrain_dinov2_pde/epoch_100.pth'
            if '448' in name
            else f'{tmp_path / "weights"}/dinov2_vitb14_pretrain.pth'
        )
        assert f'weights: {weights}' in done.stderr
        assert not (tmp_path / 'run').exists()


def test_promised_command_trains_on_fabricated_data(tmp_path):
    """The nine datasets and the weights in their official layouts; only size and counts are changed."""
    fabricate_nine(tmp_path / 'data')
    release = timm.create_model('vit_small_patch14_dinov2', pretrained=False)  # its tensors, at random
    (tmp_path / 'weights').mkdir()
    weights = {**release.state_dict(), 'mask_token': torch.zeros(1, release.embed_dim)}
    torch.save(weights, tmp_path / 'weights/dinov2_vitb14_pretrain.pth')
    options = [
        'model.backbone.arch=small',
        'model.head.in_channels=384',
        'model.head.channels=[16,8,8,8]',
        'model.test_cfg.kept_densities=[0.2,0.8]',
        'train_dataloader.batch_size=3',
        'train_dataloader.num_workers=1',
        'train_dataloader.dataset.samples_per_epoch=6',
        'val_dataloader.num_workers=0',
        'val_dataloader.dataset.dataset.length=2',
        'val_dataloader.dataset.dataset.size=[56,56]',
        'train_cfg.max_epochs=1',
        'default_hooks.logger.interval=1',
    ]
    done = run(
        'tools/train.py',
        'configs/vd/pretrain_dinov2_pde.py',
        '--work-dir',
        str(tmp_path / 'run'),
        '--cfg-options',
        *options,
        MMVD_DATA=str(tmp_path / 'data'),
        MMVD_WEIGHTS=str(tmp_path / 'weights'),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    log = done.stdout + done.stderr
    assert 'official or timm layout, 174 tensors into the RGB stream, 173 into the depth stream' in log
    assert 'Epoch(train) [1][2/2]' in log and (tmp_path / 'run' / 'epoch_1.pth').exists()
    state = load_checkpoint_file(tmp_path / 'run' / 'epoch_1.pth')['state_dict']
    source = load_checkpoint_file(tmp_path / 'weights' / 'dinov2_vitb14_pretrain.pth')
    assert torch.equal(state['backbone.rgb_stream.blocks.3.mlp.fc1.weight'], source['blocks.3.mlp.fc1.weight'])
    done = script(
        'train',
        'configs/vd/pretrain_dinov2_pde.py',
        '--cfg-options',
        'train_dataloader.dataset.only=nyuv3',
        MMVD_DATA=str(tmp_path / 'data'),
        MMVD_WEIGHTS=str(tmp_path / 'weights'),
    )
    assert done.returncode == 2 and 'no dataset nyuv3' in done.stderr


@pytest.mark.parametrize(
    'name', ['lm', 'tless', 'ycbv', 'graspnet', 'nyuv2', 'matterport3d', 'scannet', 'blendedmvs', 'cityscapes']
)
def test_each_of_the_nine_is_read_in_metres(tmp_path, monkeypatch, name):
    from mmvd.datasets.sample_key import KeyedIndex
    from mmvd.registry import DATASETS

    fabricate_nine(tmp_path)
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    config = Config.fromfile(ROOT / 'configs/vd/pretrain_dinov2_pde.py').train_dataloader.dataset
    data = DATASETS.build(dict(config.datasets[name], pipeline=config.pipeline[:2]))
    sample = data.prepare_data(KeyedIndex(1, 0, 0))
    low, high = (10, 40) if name == 'cityscapes' else (1, 4)
    assert len(data) == 2 and sample['img'].shape[:2] == sample['depth'].shape
    assert sample['depth'].min() == pytest.approx(low, rel=2e-3) and sample['depth'].max() == pytest.approx(
        high, rel=2e-3
    )


def test_a_whole_run_and_its_evaluation(tmp_path):
    config = tiny_config(tmp_path / 'run', panels=True)
    runner = Runner.from_cfg(config)
    runner.train()
    folder = tmp_path / 'run' / 'results'
    result = json.loads((folder / 'epoch_2.json').read_text())
    assert (
        result['seed'] == 0
        and 'torch' in result['versions']
        and 'VDViT' in result['config']
        and 'git_revision' in result
    )
    assert result['result']['protocol'] == dict(
        kept_densities=[0.2, 0.5, 0.8],
        pattern='pixel',
        mask_seed=0,
        probe_density=0.5,
        min_depth_m=0.01,
        cap_m=150.0,
        reduction='per image, then mean over images',
        images=2,
        resolution=[[112, 112]],
        test_set=None,
        area='trapezoid over the kept densities',
    )
    table = (folder / 'table.txt').read_text()
    assert all(
        word in table
        for word in ('network', 'untrained', 'nearest fill', 'inpainting', 'mean of kept', 'AUC', 'RGB swapped')
    )
    panels = list((tmp_path / 'run').rglob('panels/*.png'))
    assert len(panels) == 6  # two samples, before training and after each epoch
    assert list((tmp_path / 'run').rglob('vis_data/vis_image/panel_sample*.png'))
    evaluated = run(
        'tools/test.py',
        'configs/vd/pretrain_tiny_pde_rooms.py',
        str(tmp_path / 'run/epoch_2.pth'),
        '--work-dir',
        str(tmp_path / 'test'),
        '--cfg-options',
        *[f'{k}={v}'.replace(' ', '') for k, v in TINY_RUN.items() if k != 'param_scheduler'],
        'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False',
        'test_dataloader.dataset.dataset.length=2',
    )
    assert evaluated.returncode == 0, evaluated.stderr[-3000:]
    again = json.loads((tmp_path / 'test' / 'results' / 'test.json').read_text())
    assert again['checkpoint'].endswith('run/epoch_2.pth') and 'epoch' not in again
    assert [path.name for path in sorted((tmp_path / 'test').rglob('panels/*.png'))][0] == 'test_sample0.png'
    for a, b in zip(
        again['result']['errors']['model']['removed']['rmse_mm'],
        result['result']['errors']['model']['removed']['rmse_mm'],
        strict=True,
    ):
        assert a == pytest.approx(b, rel=1e-4)


def test_wrong_checkpoint_is_refused(tmp_path):
    torch.save(dict(state_dict={'x': torch.zeros(1)}), tmp_path / 'wrong.pth')
    done = run(
        'tools/test.py',
        'configs/vd/pretrain_tiny_pde_rooms.py',
        str(tmp_path / 'wrong.pth'),
        '--work-dir',
        str(tmp_path / 'run'),
    )
    assert done.returncode == 2 and 'does not fit the model' in done.stderr
    done = script('test', 'configs/vd/pretrain_tiny_pde_rooms.py', tmp_path / 'gone.pth')
    assert done.returncode == 2 and 'gone.pth (no such checkpoint)' in done.stderr


def test_unwritable_work_dir(tmp_path):
    (tmp_path / 'file').write_text('')
    done = script('train', 'configs/vd/pretrain_tiny_pde_rooms.py', '--work-dir', tmp_path / 'file' / 'run')
    assert done.returncode == 2 and 'cannot be written' in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize('workers', [0, 2])
def test_resumed_equals_uninterrupted(tmp_path, workers):
    """Weights, optimizer state and schedule after 1 + 1 epochs are those after 2, bit by bit."""
    changes = {
        'train_dataloader.num_workers': workers,
        'train_dataloader.persistent_workers': workers > 0,
        'custom_hooks.2.end': 1.0,
    }
    parts = tiny_config(tmp_path / 'parts', **changes)
    parts.load_from, parts.resume = str(tmp_path / 'whole' / 'epoch_1.pth'), True
    for config in (tiny_config(tmp_path / 'whole', **changes), parts):
        with running(config, training=True) as runner:  # which ends the workers, too
            runner.train()
    a, b = (load_checkpoint_file(tmp_path / name / 'epoch_2.pth') for name in ('whole', 'parts'))
    assert all(torch.equal(a['state_dict'][key], b['state_dict'][key]) for key in a['state_dict'])
    for key, state in a['optimizer']['state'].items():
        assert all(torch.equal(value, b['optimizer']['state'][key][name]) for name, value in state.items())
    assert a['param_schedulers'] == b['param_schedulers']
    for name in (
        'train/removed_mean',
        'train/loss',
    ):  # the curriculum, which moves to the end here, and what every draw leads to
        histories = [checkpoint['message_hub']['log_scalars'][name].data[0] for checkpoint in (a, b)]
        assert histories[0].tolist() == histories[1].tolist() and len(set(histories[0].tolist())) == 4
