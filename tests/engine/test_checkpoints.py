"""Saving survives kills and full disks; adapters know the RGB weights they belong to; interrupted runs go on."""

import os
import subprocess
import sys

import pytest
import torch
from mmengine.runner import Runner

from mmvd.apis.resuming import newest_checkpoint, set_resume
from mmvd.errors import DepthFileError, MissingInputsError, SavingError, WeightsError, describe
from mmvd.models.weights import attach, leave_out, load_checkpoint, part_hash
from mmvd.saving import save_atomically
from tests.commands import forked, script
from tests.conftest import ROOT, tiny_completer
from tests.test_training import TINY_RUN, tiny_config

KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from types import SimpleNamespace
import mmvd, torch
from mmengine.fileio import get_file_backend
from mmengine.logging import MessageHub
from mmengine.runner.checkpoint import save_checkpoint
from mmvd.engine import AtomicCheckpointHook
from mmvd.saving import BACKEND

torch.set_num_threads(1)


class Saver(SimpleNamespace):
    def save_checkpoint(self, folder, name, *args, backend_args=None, **kwargs):
        state = {str(i): torch.full((256, 256), float(self.step)) for i in range(40)}
        content = dict(state_dict=state, meta=dict(epoch=self.step))
        save_checkpoint(content, f'{folder}/{name}', backend_args=backend_args)


def save_for_ever(folder, pipe):
    hook = AtomicCheckpointHook(interval=1, max_keep_ckpts=1)
    hook.out_dir, hook.filename_tmpl, hook.file_client_args = str(folder), 'epoch_{}.pth', None
    hook.file_backend = get_file_backend(str(folder), backend_args=dict(backend=BACKEND))
    saver = Saver(message_hub=MessageHub('saver'), work_dir=str(folder))
    for saver.step in range(1, 10000):
        hook._save_checkpoint_with_step(saver, saver.step, {})
        os.write(pipe, bytes([saver.step % 256]))


for number in range(20):  # one clean process forks: twenty starts of an interpreter would take minutes
    folder = Path(sys.argv[1]) / str(number)
    folder.mkdir()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            save_for_ever(folder, writer)
        finally:
            os._exit(1)
    os.close(writer)
    os.read(reader, 1)  # the first save is through
    time.sleep(random.Random(number).uniform(0, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    saved, rest = 1, os.read(reader, 10000)
    print(number, saved + len(rest), flush=True)
"""


def test_sigkill_at_twenty_points_leaves_a_whole_checkpoint(tmp_path):
    done = subprocess.run(
        [sys.executable, '-c', KILLER, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    rows = [row for row in map(str.split, done.stdout.splitlines()) if len(row) == 2 and all(map(str.isdigit, row))]
    assert len(rows) == 20, done.stderr[-2000:]
    for number, saved in rows:
        contents = [
            load_checkpoint(path) for path in (tmp_path / number).glob('epoch_*.pth')
        ]  # every file of that name is whole
        assert max(content['meta']['epoch'] for content in contents) >= int(
            saved
        )  # what was reported as saved is there, or something newer
        for content in contents:
            assert len(content['state_dict']) == 40
            assert all((value == content['meta']['epoch']).all() for value in content['state_dict'].values())


def test_full_disk_is_a_clear_error_and_the_previous_file_is_whole(tmp_path, monkeypatch):
    path = tmp_path / 'epoch_1.pth'
    save_atomically(dict(a=torch.ones(3)), path)

    def full(handle):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(SavingError, match='epoch_1.pth: could not be written .No space left on device.*--resume'):
        save_atomically(dict(a=torch.zeros(3)), path)
    assert load_checkpoint(path)['a'].sum() == 3 and [p.name for p in tmp_path.iterdir()] == ['epoch_1.pth']


def test_real_file_size_limit(tmp_path):
    """The kernel's own refusal, by a limit on the size of files."""
    code = (
        'import mmvd, resource, signal, sys\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n'
        'from mmvd.saving import AtomicLocalBackend\nfrom mmvd.errors import SavingError\n'
        'AtomicLocalBackend().put(b"x" * 1000, sys.argv[1])\nresource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n'
        'try:\n    AtomicLocalBackend().put(b"y" * 100000, sys.argv[1])\nexcept SavingError as e:\n    '
        'print("refused", e)'
    )
    done = subprocess.run([sys.executable, '-c', code, str(tmp_path / 'f')], capture_output=True, text=True)
    assert 'refused' in done.stdout and (tmp_path / 'f').read_bytes() == b'x' * 1000, done.stderr
    assert len(list(tmp_path.iterdir())) == 1


def test_newest_checkpoint_is_that_with_the_most_iterations(tmp_path, capsys):
    assert newest_checkpoint([tmp_path]) == (None, {})
    for name, iterations in (
        ('epoch_9', 9),
        ('epoch_10', 10),
        ('interrupted', 8),
    ):  # written last, as a copy may have it
        save_atomically(dict(meta=dict(iter=iterations)), tmp_path / f'{name}.pth')
    assert newest_checkpoint([tmp_path])[0].name == 'epoch_10.pth'
    save_atomically(dict(meta=dict(iter=11)), tmp_path / 'interrupted.pth')
    assert newest_checkpoint([tmp_path])[0].name == 'interrupted.pth'
    save_atomically(dict(meta=dict(iter=12, epoch=3)), tmp_path / 'interrupted.pth')
    save_atomically(dict(meta=dict(iter=11, epoch=11)), tmp_path / 'epoch_11.pth')  # of shorter epochs
    assert newest_checkpoint([tmp_path])[0].name == 'interrupted.pth'
    (tmp_path / 'interrupted.pth').unlink()
    (tmp_path / 'epoch_11.pth').unlink()
    save_atomically(dict(meta=dict(iter=8)), tmp_path / 'iter_8.pth')  # another number than that of an epoch
    (tmp_path / 'iter_8.pth').rename(tmp_path / 'iter_800.pth')
    assert newest_checkpoint([tmp_path])[0].name == 'epoch_10.pth'
    (tmp_path / 'iter_800.pth').unlink()
    (tmp_path / 'epoch_11.pth').write_bytes(b'')
    whole = (tmp_path / 'epoch_10.pth').read_bytes()
    (tmp_path / 'epoch_10.pth').write_bytes(
        whole[:100] + bytes(60) + whole[160:]
    )  # the end, which says that it is a zip file, is intact
    path, content = newest_checkpoint([tmp_path, tmp_path / 'nowhere'])
    assert path.name == 'epoch_9.pth' and content['meta']['iter'] == 9
    told = capsys.readouterr().err
    assert 'epoch_10.pth: not a weights file' in told and 'epoch_11.pth: not a weights file' in told


def test_checkpoints_in_a_folder_of_their_own_are_found(tmp_path):
    config = tiny_config(
        tmp_path / 'run', **{'default_hooks.checkpoint.out_dir': str(tmp_path / 'saved'), 'train_cfg.max_epochs': 1}
    )
    Runner.from_cfg(config).train()
    config = tiny_config(tmp_path / 'run', **{'default_hooks.checkpoint.out_dir': str(tmp_path / 'saved')})
    set_resume(config, 'auto')
    assert (
        config.load_from == str(tmp_path / 'saved/run/epoch_1.pth')
        and (tmp_path / 'saved/run/epoch_1.pth').stat().st_mode & 0o077
    )


def test_pruning_keeps_the_newest(tmp_path):
    config = tiny_config(
        tmp_path,
        **{'train_cfg.max_epochs': 3, 'train_cfg.val_interval': 10, 'default_hooks.checkpoint.max_keep_ckpts': 2},
    )
    config.custom_hooks = [hook for hook in config.custom_hooks if 'Report' not in hook.type]
    Runner.from_cfg(config).train()
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['epoch_2.pth', 'epoch_3.pth']
    assert not list(tmp_path.glob('.*.part'))


def test_adapter(tmp_path):
    model, other = tiny_completer(), tiny_completer()
    full = dict(state_dict=model.state_dict(), meta=dict(epoch=1), optimizer=dict(x=1))
    adapter = leave_out(full)
    assert not any('rgb_stream' in key for key in adapter['state_dict']) and adapter['optimizer'] == dict(x=1)
    save_atomically(adapter, tmp_path / 'adapter.pth')
    loaded = load_checkpoint(tmp_path / 'adapter.pth')
    attach(loaded, model, 'adapter.pth')
    assert all(torch.equal(loaded['state_dict'][key], value) for key, value in model.state_dict().items())
    torch.nn.init.normal_(other.backbone.rgb_stream.cls_token)
    with pytest.raises(WeightsError) as caught:
        attach(load_checkpoint(tmp_path / 'adapter.pth'), other, 'adapter.pth')
    assert part_hash(model.state_dict()) in str(caught.value) and part_hash(other.state_dict()) in str(caught.value)
    assert part_hash(model.state_dict()) == part_hash(model.backbone.state_dict())  # wherever the stream sits
    with pytest.raises(WeightsError, match='no rgb_stream to leave out'):
        leave_out(adapter)
    zeros = torch.zeros(2, 3)
    parts = [{f'rgb_stream.{name}': zeros} for name in 'ab']
    parts += [{'rgb_stream.a': each} for each in (zeros.view(3, 2), zeros.int(), zeros + 1)]
    assert len(set(map(part_hash, parts))) == 5 and part_hash(parts[0] | parts[1]) == part_hash(parts[1] | parts[0])


def test_adapter_goes_through_the_commands(tmp_path):
    """Publish, then test with the RGB weights named by the config, and with wrong ones."""
    config = tiny_config(tmp_path / 'run', **{'train_cfg.max_epochs': 1, 'model.backbone.frozen': 'rgb'})
    runner = Runner.from_cfg(config)
    runner.train()
    rgb = {
        key.removeprefix('backbone.rgb_stream.'): value
        for key, value in runner.model.state_dict().items()
        if 'rgb_stream' in key
    }
    torch.save(rgb, tmp_path / 'rgb.pth')
    torch.save({key: value + 1 for key, value in rgb.items()}, tmp_path / 'wrong.pth')
    same = (tmp_path / 'run/epoch_1.pth',) * 2
    assert 'would overwrite what it is made of' in script('model_converters/publish_adapter', *same).stderr
    done = script('model_converters/publish_adapter', tmp_path / 'run/epoch_1.pth', tmp_path / 'adapter.pth')
    assert done.returncode == 0 and 'SHA-256' in done.stdout, done.stderr
    again = ('run/epoch_1.pth', 'adapter.pth'), ('adapter.pth', 'adapter_of_it.pth')
    for names, told in zip(again, ('a file of this name already', 'leaves out rgb_stream: name the full'), strict=True):
        done = script('model_converters/publish_adapter', *(tmp_path / name for name in names))
        assert done.returncode == 2 and told in done.stderr
    config.resume = True  # as a resumed training leaves it
    for name, code in (('rgb.pth', 0), ('wrong.pth', 2)):
        config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / name))
        config.test_dataloader, config.randomness = (
            config.val_dataloader,
            dict(seed=1),
        )  # else the same seed draws the same weights
        config.dump(tmp_path / 'adapted.py')
        arguments = (tmp_path / 'adapted.py', tmp_path / 'adapter.pth', '--work-dir', tmp_path / 'test')
        done = forked('tools/test.py', *arguments)
        assert done.returncode == code, done.stderr[-2000:]
    assert 'SHA-256' in done.stderr and done.stderr.count('was trained beside a rgb_stream') == 1


@pytest.mark.parametrize('mid_epoch', [False, True])
def test_sigterm_then_resume_equals_uninterrupted(tmp_path, mid_epoch):
    """A run of two epochs of two steps is stopped by a signal within the second epoch and resumed."""
    whole = tiny_config(tmp_path / 'whole')
    Runner.from_cfg(whole).train()
    options = {key: value for key, value in TINY_RUN.items() if key != 'param_scheduler'}
    options['default_hooks.logger.interval'] = 1
    stopper = tmp_path / 'stopper.py'
    stopper.write_text(
        'import os, signal\nfrom mmengine.hooks import Hook\nfrom mmvd.registry import '
        'HOOKS\n\n\n@HOOKS.register_module()\nclass StopperHook(Hook):\n\n    def before_train_iter(self, runner, '
        'batch_idx, data_batch=None):\n        if runner.iter == 2:\n            os.kill(os.getpid(), signal.SIGTERM)\n'
    )
    config = tiny_config(tmp_path / 'parts')
    config.custom_imports = dict(imports=['mmvd', 'stopper'], allow_failed_imports=False)
    config.custom_hooks = [
        dict(hook, save_mid_epoch=mid_epoch) if 'Interrupt' in hook.type else hook for hook in config.custom_hooks
    ]
    config.custom_hooks.append(dict(type='mmvd.StopperHook'))
    config.dump(tmp_path / 'stopped.py')
    done = forked('tools/train.py', tmp_path / 'stopped.py', PYTHONPATH=str(tmp_path))
    assert done.returncode == 2 and 'Interrupted: stopped by a signal in epoch 2 after iteration 3' in done.stderr, (
        done.stderr[-2000:]
    )
    newest, _ = newest_checkpoint([tmp_path / 'parts'])
    assert newest.name == ('interrupted.pth' if mid_epoch else 'epoch_1.pth')
    resumed = tiny_config(tmp_path / 'parts')
    resumed.resume, resumed.load_from = True, str(newest)
    runner = Runner.from_cfg(resumed)
    runner.train()
    assert runner.iter == 4
    a, b = (load_checkpoint(tmp_path / name / 'epoch_2.pth') for name in ('whole', 'parts'))
    assert all(torch.equal(a['state_dict'][key], b['state_dict'][key]) for key in a['state_dict'])
    assert a['meta']['iter'] == b['meta']['iter']


def test_resume_without_checkpoint_starts_from_the_beginning(tmp_path, capsys):
    config = tiny_config(tmp_path)
    set_resume(config, 'auto')
    assert not config.resume and 'from the beginning' in capsys.readouterr().out
    with pytest.raises(MissingInputsError, match='gone.pth is no checkpoint file'):
        set_resume(config, str(tmp_path / 'gone.pth'))


def test_a_run_whose_checkpoints_are_all_damaged_does_not_begin_anew(tmp_path, capsys):
    """It would write over them."""
    for name in ('epoch_1.pth', 'epoch_2.pth'):
        (tmp_path / name).write_bytes(b'PK')
    with pytest.raises(WeightsError, match='epoch_2.pth: none of the 2 checkpoints there is whole: move them away'):
        set_resume(tiny_config(tmp_path), 'auto')
    assert 'passed over' in capsys.readouterr().err


@pytest.mark.parametrize('content', [
    {}, dict(meta={}), dict(meta=dict(epoch='x', iter=None), message_hub={}),
    dict(meta=dict(epoch=1, iter=None), message_hub={}), dict(meta=dict(epoch=1, iter=1)),
])  # fmt: skip
def test_weights_are_no_state_of_a_run(tmp_path, content):
    save_atomically(dict(content, state_dict={}), tmp_path / 'w.pth')
    with pytest.raises(WeightsError, match='w.pth: holds weights, but not the state of a run: .*load_from=.*w.pth'):
        set_resume(tiny_config(tmp_path), str(tmp_path / 'w.pth'))


def test_errors_of_workers_are_told_in_one_line():
    text = (
        'Caught DepthFileError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n  File x\n'
        'mmvd.errors.DepthFileError: d.png: truncated PNG'
    )
    assert describe(DepthFileError(text)) == 'DepthFileError: d.png: truncated PNG'
