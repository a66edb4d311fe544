"""Stand-in operators against references, doctor's verdicts, lightness of the import, no unpickling anywhere."""

import pickle
import subprocess
import sys
import warnings
import weakref
import zipfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmvd.compat import inspect_stack, load_checkpoint_file, stack, torch_operators
from mmvd.compat.deformable_attention import multi_scale_deformable_attn_pytorch
from mmvd.compat.operators import has_compiled_operators
from mmvd.compat.safe_loading import forbid_unpickling


def python(code: str, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, **kwargs)


def test_import_is_light():
    done = python(
        "import sys, mmvd; print([m for m in ('torch', 'mmcv', 'mmengine', 'mmseg', 'mmdet', 'cv2') if m in "
        'sys.modules])'
    )
    assert done.stdout.strip() == '[]', done.stderr


def test_hosts_import_and_mask2former_has_the_right_base():
    pytest.importorskip('mmseg')
    done = python(
        'import mmvd\nfrom mmseg.models import Mask2FormerHead\nfrom mmdet.models import Mask2FormerHead as Base\n'
        'print(issubclass(Mask2FormerHead, Base))'
    )
    assert done.stdout.strip().endswith('True'), done.stderr[-2000:]


@pytest.mark.skipif(has_compiled_operators(), reason='compiled mmcv operators are installed')
def test_operators_without_stand_in_fail_on_call_only():
    done = python('import mmvd\nfrom mmcv import _ext\nf = _ext.carafe_forward\nprint("got it")\nf()')
    assert 'got it' in done.stdout and 'carafe_forward' in done.stderr and 'NotImplementedError' in done.stderr


def test_deformable_attention_against_sampling_by_hand():
    torch.manual_seed(0)
    shapes = torch.tensor([[4, 6], [2, 3]])
    value = torch.randn(2, 30, 2, 5, dtype=torch.float64)
    points = torch.rand(2, 7, 2, 2, 3, 2, dtype=torch.float64)
    weights = torch.rand(2, 7, 2, 2, 3, dtype=torch.float64)
    value.requires_grad_()  # the way of a training; the operator is called without gradients
    got = multi_scale_deformable_attn_pytorch(value, shapes, points, weights).detach()
    with torch.no_grad():
        operator = torch_operators.ms_deform_attn_forward(value, shapes, torch.tensor([0, 24]), points, weights)
    assert torch.equal(operator, got)
    expected = torch.zeros(2, 7, 2, 5, dtype=torch.float64)
    for b, q, h, level, p in torch.cartesian_prod(*(torch.arange(n) for n in (2, 7, 2, 2, 3))).tolist():
        rows, columns = shapes[level].tolist()
        grid = value[b, (0, 24)[level] : (24, 30)[level], h].view(rows, columns, 5)
        x, y = points[b, q, h, level, p, 0] * columns - 0.5, points[b, q, h, level, p, 1] * rows - 0.5
        for dy in (0, 1):
            for dx in (0, 1):
                j, i = int(y.floor()) + dy, int(x.floor()) + dx
                if 0 <= j < rows and 0 <= i < columns:
                    expected[b, q, h] += (
                        weights[b, q, h, level, p] * (1 - (y - j).abs()) * (1 - (x - i).abs()) * grid[j, i]
                    )
    torch.testing.assert_close(got, expected.flatten(2))
    none = multi_scale_deformable_attn_pytorch(value[:0], shapes, points[:0], weights[:0])
    assert none.shape == (0, 7, 10)


class Attention(torch.autograd.Function):
    """As mmcv calls its operators."""

    @staticmethod
    def forward(ctx, value, shapes, points, weights):
        ctx.save_for_backward(value, shapes, points, weights)
        return torch_operators.ms_deform_attn_forward(value, shapes, None, points, weights)

    @staticmethod
    def backward(ctx, grad):
        value, shapes, points, weights = ctx.saved_tensors
        buffers = [torch.zeros_like(t) for t in (value, points, weights)]
        torch_operators.ms_deform_attn_backward(value, shapes, None, points, weights, grad, *buffers)
        return buffers[0], None, *buffers[1:]


@pytest.mark.parametrize('attention', [Attention.apply, multi_scale_deformable_attn_pytorch])
def test_deformable_attention_backward(attention):
    shapes = torch.tensor([[4, 4], [3, 2]])
    value = torch.rand(2, 22, 2, 3, dtype=torch.float64, requires_grad=True)
    points = torch.rand(2, 5, 2, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, 5, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *x: attention(x[0], shapes, *x[1:]), (value, points, weights))


@pytest.mark.skipif(has_compiled_operators(), reason='compiled mmcv operators are installed')
def test_deformable_attention_of_mmcv_keeps_no_samples_for_the_backward_pass(monkeypatch):
    from mmcv.ops import MultiScaleDeformableAttention

    samples, kept, grid_sample = [], [], F.grid_sample

    def watched(*args, **kwargs):
        sampled = grid_sample(*args, **kwargs)
        samples.append((sampled.numel(), weakref.ref(sampled)))
        return sampled

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    monkeypatch.setattr(F, 'grid_sample', watched)
    attention, query = MultiScaleDeformableAttention(32, 4, num_levels=2, batch_first=True), torch.rand(1, 22, 32)
    levels = dict(spatial_shapes=torch.tensor([[4, 4], [3, 2]]), level_start_index=torch.tensor([0, 16]))
    with torch.autocast('cpu', torch.bfloat16), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = attention(query, reference_points=torch.rand(1, 22, 2, 2), **levels)
    numbers, alive = zip(*samples, strict=True)
    assert len(numbers) == 2 and max(kept) < numbers[0] and not any(sampled() is not None for sampled in alive)
    out.float().sum().backward()
    assert attention.sampling_offsets.bias.grad.abs().sum() > 0


@pytest.mark.parametrize('offset', [0, 1])
def test_nms_against_loops(offset):
    g = torch.Generator().manual_seed(0)
    corners = torch.rand(60, 2, generator=g) * 40
    boxes, scores = (
        torch.cat((corners, corners + torch.rand(60, 2, generator=g) * 20 + 1), 1),
        torch.rand(60, generator=g),
    )
    kept = []
    for i in scores.argsort(descending=True).tolist():

        def iou(j, i=i):
            low, high = torch.maximum(boxes[i, :2], boxes[j, :2]), torch.minimum(boxes[i, 2:], boxes[j, 2:])
            inner = (high - low + offset).clamp(min=0).prod()
            area = lambda b: (b[2:] - b[:2] + offset).prod()  # noqa: E731
            return inner / (area(boxes[i]) + area(boxes[j]) - inner)

        if all(iou(j) <= 0.4 for j in kept):
            kept.append(i)
    assert torch_operators.nms(boxes, scores, 0.4, offset).tolist() == kept


def test_doctor_is_content_here():
    done = subprocess.run([sys.executable, '-m', 'mmvd', 'doctor'], capture_output=True, text=True)
    assert done.returncode == 0 and 'no clash found' in done.stdout and 'mmengine' in done.stdout, done.stdout


def test_doctor_sees_a_mixed_stack(monkeypatch):
    real = stack._version
    monkeypatch.setattr(
        stack, '_version', lambda name: '9.9' if name in ('mmsegmentation', 'onedl-mmsegmentation') else real(name)
    )
    report = inspect_stack()
    assert any('mmsegmentation and' in c or 'and mmsegmentation' in c for c in report.clashes)


def test_doctor_sees_a_torch_that_does_not_fit(monkeypatch):
    monkeypatch.setattr(
        stack, '_runs', lambda code: 'operator torchvision::nms does not exist' if 'torchvision' in code else None
    )
    assert any('do not fit' in clash for clash in inspect_stack().clashes)


def test_own_checkpoints_load_whatever_others_registered(tmp_path):
    """A safe_globals context takes back, on leaving, types that were allowed before it."""
    from mmengine.logging.history_buffer import HistoryBuffer

    from mmvd.compat import load_checkpoint_file

    torch.save(dict(message_hub=dict(log_scalars={'loss': HistoryBuffer([1.0], [1])})), tmp_path / 'own.pth')
    for _ in range(2):
        assert load_checkpoint_file(tmp_path / 'own.pth')['message_hub']['log_scalars']['loss'].data[0][0] == 1.0
        with torch.serialization.safe_globals([HistoryBuffer]):
            pass


class Evil:
    def __reduce__(self):
        return print, ('code ran',)


@pytest.mark.parametrize('how', ['torch', 'pickle'])
def test_the_engine_cannot_be_made_to_unpickle(tmp_path, capsys, how):
    from mmengine.runner.checkpoint import load_checkpoint

    path = tmp_path / 'evil.pth'
    if how == 'torch':
        torch.save(dict(state_dict={}, extra=Evil()), path)
    else:
        path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        load_checkpoint(torch.nn.Linear(1, 1), str(path))
    assert 'code ran' not in capsys.readouterr().out


def test_a_switch_that_lets_files_run_code_is_taken_back(monkeypatch, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '0')
        forbid_unpickling()
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    with pytest.warns(UserWarning, match='TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is taken back'):
        forbid_unpickling()
    torch.save(dict(a=torch.ones(1)), tmp_path / 'a.pth')
    assert load_checkpoint_file(tmp_path / 'a.pth')['a'] == 1  # torch refuses all files where both are set


@pytest.mark.parametrize('package', ['core', '_core'])
def test_checkpoints_of_the_other_numpy_load(tmp_path, package):
    """What one stack writes, the other reads: numpy 1 and 2 name their functions differently."""
    torch.save(dict(a=np.float64(1.5), b=np.arange(3.0)), tmp_path / 'a.pth')
    own = 'numpy._core.' if np.lib.NumpyVersion(np.__version__) >= '2.0.0' else 'numpy.core.'
    with zipfile.ZipFile(tmp_path / 'a.pth') as source, zipfile.ZipFile(tmp_path / 'b.pth', 'w') as target:
        for info in source.infolist():
            data = source.read(info)
            if info.filename.endswith('data.pkl'):
                assert own.encode() in data
                data = data.replace(own.encode(), f'numpy.{package}.'.encode())
            target.writestr(info, data)
    found = load_checkpoint_file(tmp_path / 'b.pth')
    assert found['a'] == 1.5 and found['b'].tolist() == [0, 1, 2]


def test_a_host_may_load_its_checkpoint_before_anything_else(tmp_path):
    """mmseg's and mmdet's inferencers do: the types are allowed when the engine's loading is imported."""
    code = (
        'import torch, mmvd; from mmengine.logging import HistoryBuffer;'
        f"torch.save(dict(h=HistoryBuffer([1.0], [1])), r'{tmp_path / 'a.pth'}');"
        'from mmengine.runner.checkpoint import _load_checkpoint;'
        f"print(_load_checkpoint(r'{tmp_path / 'a.pth'}', map_location='cpu')['h'].current())"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout.strip().endswith('1.0'), done.stderr
