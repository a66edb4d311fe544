"""The measuring scripts run from end to end at the smallest size."""

import csv
import subprocess

import pytest
import torch

from mmvd.models import DepthCompleter
from mmvd.models.backbones.settings import ARCHITECTURES
from tests.commands import script
from tests.conftest import ROOT


def run(path: str, *arguments) -> subprocess.CompletedProcess:
    done = script(path.removeprefix('tools/').removesuffix('.py'), *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def test_benchmark(tmp_path, monkeypatch):
    pytest.importorskip('perlin_numpy')
    compile_ = torch.nn.Module.compile  # traced forward and backward, but without C++: that takes half a minute
    monkeypatch.setattr(torch.nn.Module, 'compile', lambda module: compile_(module, backend='aot_eager'))
    out = tmp_path / 'b.csv'
    run(
        'tools/analysis/benchmark.py',
        '--preset',
        'tiny',
        '--repeats',
        '1',
        '--workers',
        '0',
        '--device',
        'cpu',
        '--out',
        str(out),
        '--only',
        'pde',
        'perlin',
        'loader',
        'frozen',
        'forward',
        'decoder',
        'sweep',
        'flops',
    )
    rows = list(csv.DictReader(out.open()))
    assert [row['name'] for row in rows] == [
        'pde',
        'perlin',
        'loader',
        'step',
        'forward',
        'decoder',
        'density sweep',
        'flops',
        'flops',
    ]
    assert all(float(row['ratio']) > 0 and row['torch'] and '--preset tiny' in row['command'] for row in rows)


def test_gpu_run(tmp_path):
    out = tmp_path / 'g.csv'
    run(
        'tools/analysis/gpu_run.py',
        '--config',
        'configs/vd/pretrain_tiny_pde_rooms.py',
        '--device',
        'cpu',
        '--batch',
        '2',
        '--side',
        '56',
        '--steps',
        '2',
        '--every',
        '1',
        '--dtype',
        'bfloat16',
        '--out',
        str(out),
    )
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 2
    for row in rows:
        assert abs(float(row['loss']) / float(row['loss_float32_same_batch']) - 1) < 0.1


def test_benchmark_of_heads(tmp_path, monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, 'small', dict(ARCHITECTURES['small'], depth=4))
    out = tmp_path / 'h.csv'
    run('tools/analysis/benchmark_heads.py', '--repeats', '1', '--batch', '1', '--device', 'cpu', '--out', str(out))
    rows = {(row['name'], row['b']): row for row in csv.DictReader(out.open())}
    assert {
        ('step with frozen encoder, 19 classes', 'one probe'),
        ('step of the heads alone, 19 classes', '84 modules'),
        ('deformable attention, forward and back', "mmcv's"),
    } <= set(rows)
    assert (
        float(rows['segmentation activations', 'encoder trained']['ratio']) < 0.9
    )  # deterministic: bytes kept for the backward pass


def test_benchmark_of_recipes_takes_half_of_a_batch_that_does_not_fit(tmp_path, monkeypatch):
    recipe, out, step = tmp_path / 'recipe.py', tmp_path / 'r.csv', DepthCompleter.train_step
    recipe.write_text(
        f"_base_ = '{ROOT}/configs/vd/pretrain_tiny_pde_rooms.py'\ntrain_dataloader = dict(batch_size=2)\n"
    )

    def full(model, data, optim_wrapper):
        if len(data['inputs']) > 1:
            raise torch.OutOfMemoryError('no')
        return step(model, data, optim_wrapper)

    monkeypatch.setattr(DepthCompleter, 'train_step', full)
    run('tools/analysis/benchmark_recipes.py', str(recipe), '--repeats', '1', '--device', 'cpu', '--out', str(out))
    (row,) = csv.DictReader(out.open())
    assert row['note'] == 'batch 1 of 2, 112x112 px' and (row['a'], row['b']) == ('bfloat16', 'float32')


@pytest.mark.parametrize(
    'arguments, told',
    [
        (('--steps', '2', '--every', '5'), '--every 5: of --steps 2 no row would be left'),
        (('--config', 'configs/seg/m2f_vd_rooms_tiny.py'), 'pretrains no mmvd.DepthCompleter'),
        (('--batch', '0'), 'a whole number of at least 1 is expected, got 0'),
    ],
)
def test_a_run_that_would_leave_nothing(arguments, told):
    done = script('analysis/gpu_run', '--device', 'cpu', *arguments)
    assert done.returncode == 2 and told in done.stderr


def test_a_table_names_the_accelerator_that_models_run_on(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from tools.analysis.tables import write_rows

    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda device: f'name of {device}')
    write_rows(tmp_path / 't.csv', [dict(a=1)])
    (row,) = csv.DictReader((tmp_path / 't.csv').open())
    assert row['device'] == 'name of cuda'


@pytest.mark.parametrize('tool', ['benchmark', 'benchmark_heads', 'benchmark_checks', 'gpu_run'])
def test_a_table_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path, tool):
    (tmp_path / 'file').touch()
    done = script(f'analysis/{tool}', '--out', tmp_path / 'file/table.csv')
    assert done.returncode == 2 and 'file' in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_flop_formula_of_the_benchmark(monkeypatch):
    """ViT-B/14 at 224 px beside a depth stream of 32 channels: 96.0 GMAC per training step and image, by hand."""
    monkeypatch.syspath_prepend(str(ROOT))
    from mmvd.models.backbones import ViTStream
    from tools.analysis.benchmark_models import stream_macs

    with torch.device('meta'):
        rgb, depth = (ViTStream('base', channels) for channels in (3, 32))
    assert (stream_macs(rgb, 224) + 3 * stream_macs(depth, 224)) / 1e9 == pytest.approx(96.0, abs=0.1)
    assert stream_macs(rgb, 518) / 1e9 == pytest.approx(151.6, abs=0.1)
