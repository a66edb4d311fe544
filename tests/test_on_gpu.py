"""What runs on the CPU, seen again on a GPU: the same draws and numbers, no waiting, bf16, compiled blocks, whole runs.

`make test-gpu`.
"""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch.utils.data._utils.pin_memory import pin_memory

import mmvd
from mmvd import ops
from mmvd.apis.launch import build_runner
from mmvd.compat import load_checkpoint_file
from mmvd.datasets.rooms import render_rooms
from mmvd.datasets.sample_key import sample_key
from mmvd.errors import MemoryLimitError
from mmvd.models import VDViT
from mmvd.models.backbones.maps import to_stride
from mmvd.registry import MODELS, OPTIM_WRAPPERS
from tests.configs.test_configs import CONFIGS
from tests.configs.test_one_step import batch as host_batch
from tests.configs.test_one_step import kind_of, shrink
from tests.conftest import ROOT, TINY, raw_batch, tiny_completer
from tests.ops.test_depth_encoding import closed_form
from tests.test_classification import small as tiny_probes
from tests.test_pose_training import small as tiny_pose
from tests.test_segmentation import tiny as tiny_segmentation
from tests.test_segmentation import tiny_instances
from tests.test_training import TINY_RUN

pytestmark = pytest.mark.gpu
CONFIG = 'configs/vd/pretrain_tiny_pde_rooms.py'
OPTIONS = [f'{key}={value}'.replace(' ', '') for key, value in TINY_RUN.items() if key != 'param_scheduler']
KEYS = torch.tensor([sample_key(0, 0, i) for i in range(16)])


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch):
    """Convolutions round float32 to ten bits of mantissa unless told otherwise."""
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', False)


def test_draws_have_the_same_bits():
    for draw, *arguments in ((ops.fold, 3), (ops.uniform, 3, 5), (ops.choose, 3, 7)):
        assert torch.equal(draw(KEYS.cuda(), *arguments).cpu(), draw(KEYS, *arguments))


@pytest.mark.parametrize('pattern', ['perlin', 'coarse', 'pixel'])
def test_masks_are_those_of_the_cpu(pattern):
    """As many pixels; where sums of floats are rounded in another way, neighbours in the ranking change places."""
    shares = torch.linspace(0.01, 0.99, 16)
    here = ops.density_mask((16, 224, 224), shares, pattern, KEYS)
    there = ops.density_mask((16, 224, 224), shares.cuda(), pattern, KEYS.cuda()).cpu()
    assert torch.equal(here.flatten(1).sum(1), there.flatten(1).sum(1))
    other = (here != there).float().mean().item()
    assert other == 0 if pattern == 'pixel' else other < 1e-4


def test_random_depth_is_that_of_the_cpu():
    depth = torch.rand(16, 1, 64, 64) * 10
    torch.testing.assert_close(ops.random_depth(depth.cuda(), KEYS.cuda()).cpu(), ops.random_depth(depth, KEYS))


@pytest.mark.parametrize('channels', [16, 32, 64])
def test_encoding_equals_the_closed_form_under_bf16_autocast(channels):
    depth = torch.linspace(0.05, 14.25, 4096).view(1, 1, 64, 64)
    expected = torch.from_numpy(closed_form(depth[0, 0].double().numpy(), channels, 15.0))[None]
    with torch.autocast('cuda', torch.bfloat16):
        code = ops.positional_depth_encoding(depth.cuda(), channels)
    assert code.dtype == torch.float32 and (code.cpu() - expected).abs().max() < 4e-3


def test_rooms_are_those_of_the_cpu():
    here, there = render_rooms(KEYS[:4], 72, 96), render_rooms(KEYS[:4].cuda(), 72, 96)
    assert (here.semantic != there.semantic.cpu()).float().mean() < 1e-3  # pixels on an edge
    assert ((here.depth - there.depth.cpu()).abs() > 1e-3).float().mean() < 1e-3
    assert (here.rgb.int() - there.rgb.cpu().int()).abs().float().mean() < 0.5


def step(model: torch.nn.Module, data: dict) -> tuple[float, list]:
    """Loss of a batch, and its gradients."""
    loss = model(**model.data_preprocessor(data, True), mode='loss')['loss_depth']
    loss.backward()
    return loss.item(), [p.grad.cpu() for p in model.parameters() if p.grad is not None]


def test_loss_and_gradients_are_those_of_the_cpu():
    model = tiny_completer().train()
    loss, gradients = step(model, raw_batch(4))
    model.zero_grad()
    there, others = step(model.cuda(), raw_batch(4))
    assert there == pytest.approx(loss, rel=1e-4) and len(gradients) == len(others)
    for ours, other in zip(gradients, others, strict=True):
        assert (ours - other).norm() <= 5e-3 * ours.norm() + 1e-6


def test_gradient_of_a_resized_map_is_summed_in_full_precision():
    x, gradient = torch.randn(2, 8, 16, 16).bfloat16(), (1 + torch.randn(2, 8, 112, 112)).bfloat16()
    found = []
    for each in (x.cuda(), x.double()):
        each.requires_grad_()
        to_stride(each, 14, 2, (224, 224)).backward(gradient.to(each))
        found.append(each.grad.double().cpu())
    assert (found[0] - found[1]).norm() < 3e-3 * found[1].norm()


def test_half_precision_loss_at_the_same_weights():
    model = tiny_completer().cuda().train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    wrapper = OPTIM_WRAPPERS.build(dict(type='mmvd.BF16OptimWrapper', optimizer=optimizer))
    for number in range(16):
        data = model.data_preprocessor(raw_batch(2, first_key=2 * number), True)
        with torch.no_grad(), wrapper.optim_context(model):
            half = model(**data, mode='loss')['loss_depth']
        full = model(**data, mode='loss')['loss_depth']
        assert half.dtype == torch.float32 and half != full and half.item() == pytest.approx(full.item(), rel=0.02)
        optimizer.zero_grad()
        full.backward()
        optimizer.step()


def test_no_training_step_waits_for_the_device():
    model = tiny_completer(frozen='rgb').cuda().train()
    model.data_preprocessor._non_blocking = True  # as in the recipes, whose loaders pin
    batches = [pin_memory(raw_batch(4, first_key=4 * number)) for number in range(3)]
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    for number, batch in enumerate(batches):
        torch.cuda.set_sync_debug_mode('error' if number else 'default')  # the first one loads libraries
        try:
            data = model.data_preprocessor(batch, True)
            loss = model(**data, mode='loss')['loss_depth']
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        finally:
            torch.cuda.set_sync_debug_mode('default')
    assert torch.isfinite(loss)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_compiled_blocks_give_the_same_maps(dtype):
    model = tiny_completer().cuda().eval()
    inputs = model.data_preprocessor(raw_batch())['inputs']
    with torch.no_grad(), torch.autocast('cuda', dtype, enabled=dtype != torch.float32):
        eager = model(inputs)
        model.backbone.compile_blocks()
        compiled = model(inputs)
    tolerance = 1e-4 if dtype == torch.float32 else 5e-2
    for a, b in zip(compiled, eager, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.fixture(params=['seg', 'det', 'cls', 'pose'])
def task(request, bop_rooms, monkeypatch):
    """Makes the config of a small run."""
    return dict(
        seg=tiny_segmentation,
        det=tiny_instances,
        cls=tiny_probes,
        pose=lambda folder: tiny_pose(bop_rooms, folder, monkeypatch),
    )[request.param]


def one_of_each_kind() -> list:
    return list({kind_of(path): path for path in sorted(CONFIGS)}.values())


@pytest.mark.parametrize('half', [False, True])
@pytest.mark.parametrize('path', one_of_each_kind(), ids=kind_of)
def test_one_step_of_each_task(path, half):
    kind = kind_of(path)
    model, data = MODELS.build(shrink(Config.fromfile(path), kind)).cuda().train(), host_batch(kind)
    with torch.autocast('cuda', torch.bfloat16, enabled=half):
        loss, _ = model.parse_losses(model(**model.data_preprocessor(data, True), mode='loss'))
    loss.backward()
    assert loss.device.type == 'cuda' and torch.isfinite(loss)
    for name, parameter in model.named_parameters():
        assert not parameter.requires_grad or torch.isfinite(parameter.grad).all(), name


def test_the_shipped_model_completes_as_on_the_cpu():
    room = render_rooms(KEYS[:1], 112, 112)
    rgb, depth = room.rgb[0].numpy(), room.depth[0].numpy() * (np.random.default_rng(0).random((112, 112)) < 0.1)
    here, there = (mmvd.load_model(device=device).complete(rgb, depth) for device in ('cpu', 'cuda'))
    assert np.abs(np.asarray(here) - np.asarray(there)).max() < 1e-3


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """A new process: those that are forked may find no CUDA."""
    environment = {**os.environ, **environment}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, env=environment)


def train(folder, *arguments: str, starter: tuple[str, ...] = (), **environment: str) -> str:
    """Two epochs of a tiny model on the rooms; what was printed."""
    done = run(
        *starter,
        'tools/train.py',
        CONFIG,
        *('--work-dir', str(folder), *[word for word in arguments if word.startswith('--')], '--cfg-options'),
        *(*OPTIONS, *[word for word in arguments if not word.startswith('--')]),
        **environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_images_that_do_not_fit_name_a_size_that_does():
    model, image = mmvd.load_model(device='cuda'), np.full((1200, 1600, 3), 128, np.uint8)
    limit = torch.cuda.memory_reserved() / torch.cuda.get_device_properties(0).total_memory + 0.006
    torch.cuda.set_per_process_memory_fraction(limit)
    try:
        with pytest.raises(MemoryLimitError, match=r'size=\d+ does, one image at a time') as told:
            model.complete(image)
        size = int(re.search(r'size=(\d+)', str(told.value))[1])
        assert model.complete(image, size=size).shape == (1200, 1600)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_an_encoder_of_half_precision_reads_float32(dtype):
    model, x = VDViT(**TINY).cuda().eval(), torch.rand(2, 4, 56, 56).cuda()
    x[:, 3] *= 8
    with torch.no_grad():
        expected, found = model(x), model.to(dtype)(x)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype and (a.float() - b).norm() < 0.02 * b.norm()


def test_whole_runs_of_other_tasks_measure_what_the_cpu_measures(task, tmp_path):
    config = task(tmp_path)
    runner = build_runner(config, training=True)
    runner.train()
    assert all(parameter.is_cuda for parameter in runner.model.parameters())
    found = runner.val_loop.run()
    runner.model.cpu()
    for name, value in runner.val_loop.run().items():
        assert found[name] == pytest.approx(value, abs=5, nan_ok=True), name


def test_training_with_amp_and_compiled_blocks_goes_on_where_it_stood(tmp_path):
    train(tmp_path, '--amp', '--compile', 'train_cfg.max_epochs=1')
    printed = train(tmp_path, '--amp', '--compile', '--resume')
    assert 'resumed epoch: 1' in printed and re.search(r'Epoch\(train\) +\[2\]\[2/2\].* memory: \d+', printed)
    results = json.loads((tmp_path / 'results' / 'epoch_2.json').read_text())
    assert results['device'] == torch.cuda.get_device_name()


def test_two_runs_one_of_them_resumed_are_equal_bit_by_bit_where_that_is_asked_for(tmp_path):
    options = ('randomness.deterministic=True', 'env_cfg.cudnn_benchmark=False')
    options += ('model.backbone.img_size=168',)  # positions are resized, as in the recipes of DINOv2
    for name, *more in (('a',), ('b', 'train_cfg.max_epochs=1'), ('b', '--resume')):
        train(tmp_path / name, *options, *more, CUBLAS_WORKSPACE_CONFIG=':4096:8')
    for epoch in (1, 2):
        a, b = (load_checkpoint_file(tmp_path / name / f'epoch_{epoch}.pth')['state_dict'] for name in 'ab')
        assert all(torch.equal(a[key], b[key]) for key in a), epoch


def test_fully_sharded_training(tmp_path):
    train(
        tmp_path,
        '--launcher=pytorch',
        'runner_type=FlexibleRunner',
        'strategy.type=FSDPStrategy',
        'strategy.model_wrapper.use_orig_params=True',
        starter=('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=1'),
    )
    done = run(
        'tools/test.py', CONFIG, str(tmp_path / 'epoch_2.pth'), '--work-dir', str(tmp_path), '--cfg-options', *OPTIONS
    )
    assert done.returncode == 0, done.stderr[-3000:]
