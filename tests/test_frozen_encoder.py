"""The frozen encoder of a downstream task: it stays as it was, leaves checkpoints small, and comes from somewhere."""

import pytest
import torch
from mmengine.hooks import EMAHook

from mmvd.apis.launch import build_runner
from mmvd.apis.resuming import set_resume
from mmvd.errors import ConfigError, WeightsError
from mmvd.models.weights import LEFT_OUT, load_checkpoint
from tests.test_segmentation import encoder_file, tiny


@pytest.fixture
def frozen_run(tmp_path):
    """A run that leaves the frozen encoder out of its checkpoints."""
    config = tiny(tmp_path / 'run', **{'default_hooks.checkpoint.leave_out': 'backbone.', 'train_cfg.max_epochs': 2})
    config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=encoder_file(tmp_path / 'vd.pth'))
    runner = build_runner(config, training=True)
    runner.train()
    return runner, tmp_path


def test_frozen_for_real(frozen_run):
    runner, folder = frozen_run
    backbone = runner.model.backbone
    source = load_checkpoint(folder / 'vd.pth')['state_dict']
    assert all(torch.equal(value, source[f'backbone.{key}']) for key, value in backbone.state_dict().items())
    assert not any(module.training for module in backbone.modules()) and runner.model.train().decode_head.training
    assert not any(module.training for module in backbone.modules())
    assert all(not p.requires_grad and p.grad is None for p in backbone.parameters())
    state = runner.optim_wrapper.optimizer.state
    assert state and not any(p in state for p in backbone.parameters())
    outs = backbone(torch.rand(1, 4, 56, 56))
    assert all(out.grad_fn is None and not out.requires_grad for out in outs)  # nothing is kept for a backward pass


def test_encoder_left_out_of_checkpoints_is_checked_by_its_hash(frozen_run):
    runner, folder = frozen_run
    path = folder / 'run/epoch_2.pth'
    checkpoint = load_checkpoint(path)
    assert checkpoint[LEFT_OUT]['part'] == 'backbone.' and not any(
        key.startswith('backbone') for key in checkpoint['state_dict']
    )
    assert checkpoint['optimizer']['state']
    config = tiny(folder / 'test', load_from=str(path))
    config.model.backbone.init_cfg = runner.cfg.model.backbone.init_cfg
    tested = build_runner(config, training=False)
    tested.test()
    a, b = runner.model.state_dict(), tested.model.state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)
    torch.save({k: v + 1 for k, v in load_checkpoint(folder / 'vd.pth')['state_dict'].items()}, folder / 'other.pth')
    config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(folder / 'other.pth'))
    with pytest.raises(WeightsError, match='was trained beside a backbone with SHA-256'):
        build_runner(config, training=False).test()
    resumed = tiny(folder / 'run', **{'default_hooks.checkpoint.leave_out': 'backbone.', 'train_cfg.max_epochs': 3})
    resumed.model.backbone.init_cfg = runner.cfg.model.backbone.init_cfg
    set_resume(resumed, 'auto')
    again = build_runner(resumed, training=True)
    again.train()
    assert again.epoch == 3


def test_averages_keep_what_was_left_out(tmp_path):
    """mmpretrain's configs put EMAHook before others: it took the state dict before the encoder was filled in."""

    def averaged(epochs: int):
        options = {'default_hooks.checkpoint.leave_out': 'backbone.', 'train_cfg.max_epochs': epochs}
        config = tiny(tmp_path / 'run', **options)
        config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'vd.pth'))
        config.custom_hooks = [dict(type='EMAHook', priority='ABOVE_NORMAL'), *config.custom_hooks]
        return config

    encoder_file(tmp_path / 'vd.pth')
    build_runner(averaged(1), training=True).train()
    config = averaged(1)
    config.load_from = str(tmp_path / 'run/epoch_1.pth')
    runner = build_runner(config, training=False)
    runner.test()
    source = load_checkpoint(tmp_path / 'vd.pth')['state_dict']
    ema = next(hook for hook in runner.hooks if isinstance(hook, EMAHook)).ema_model.module
    assert all(torch.equal(value, source[f'backbone.{key}']) for key, value in ema.backbone.state_dict().items())
    config = averaged(2)
    set_resume(config, 'auto')
    build_runner(config, training=True).train()


def test_what_is_left_out_must_be_filled_in(tmp_path):
    config = tiny(tmp_path, **{'default_hooks.checkpoint.leave_out': 'backbone.'})
    config.model.backbone.init_cfg = dict(type='Random')
    config.custom_hooks = [hook for hook in config.custom_hooks if hook.type != 'mmvd.StrictLoadHook']
    with pytest.raises(ConfigError, match='add .*mmvd.StrictLoadHook.* to custom_hooks'):
        build_runner(config, training=True).train()


def test_what_is_trained_is_never_left_out(tmp_path):
    config = tiny(tmp_path, **{'default_hooks.checkpoint.leave_out': 'backbone.', 'model.backbone.frozen': 'rgb'})
    with pytest.raises(ConfigError, match="leave_out='backbone.' would throw away what is trained"):
        build_runner(config, training=True).train()


@pytest.mark.parametrize(
    'changes, error, text',
    [
        (
            {'model.backbone.depth_encoding.max_depth': 500.0},
            WeightsError,
            'trained with the depth encoding.*max_depth=15.0.*max_depth=500.0',
        ),
        ({'model.backbone.depth_encoding.num_channels': 16}, WeightsError, 'num_channels=32.*num_channels=16'),
        (
            {'model.backbone.arch.embed_dims': 64, 'model.decode_head.in_channels': [128] * 4},
            WeightsError,
            'does not fit',
        ),
        (
            {'model.test_cfg': dict(mode='slide', crop_size=(56, 56), stride=(28, 28))},
            ConfigError,
            'set model.data_preprocessor.max_depth=15.0',
        ),
        (
            {
                'model.test_cfg': dict(mode='slide', crop_size=(56, 56), stride=(28, 28)),
                'model.backbone.depth_encoding': dict(type='mmvd.DisparityEncoding', _delete_=True),
            },
            WeightsError,  # of the encoding: disparity has no range, nothing is asked for
            'trained with the depth encoding',
        ),
        (
            {'model.backbone.out': 'fused'},
            ConfigError,
            r'decode_head.in_channels=.*the encoder gives \d+ channels .*set it to',
        ),
        (
            {'model.decode_head.loss_cls.class_weight': [1.0] * 5},
            ConfigError,
            'class_weight has 5 entries, num_classes=17 asks for 18',
        ),
        (
            {'model.decode_head.num_classes': 5},
            ConfigError,
            'has 17 classes, but the head of the model has num_classes=5',
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_training(tmp_path, changes, error, text):
    config = tiny(tmp_path / 'run', **changes)
    config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=encoder_file(tmp_path / 'vd.pth'))
    with pytest.raises(error, match=text):
        build_runner(config, training=True).train()
    assert not list((tmp_path / 'run').glob('*.pth'))


@pytest.mark.parametrize(
    'changes',
    [dict(init_cfg=None), dict(init_cfg=None, frozen='rgb'), dict(init_cfg=dict(type='Normal', layer='Linear'))],
)
def test_a_random_encoder_must_be_asked_for(tmp_path, changes):
    config = tiny(tmp_path)
    config.model.backbone.update(changes)
    with pytest.raises(ConfigError, match="ask for a random one with model.backbone.init_cfg=dict.type='Random'"):
        build_runner(config, training=True)
