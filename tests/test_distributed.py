"""Two gloo processes equal one process with the same global batch."""

import json
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmengine.config import Config

from mmvd.apis.launch import build_runner
from mmvd.models.weights import load_checkpoint
from tests import test_classification
from tests.commands import forked
from tests.conftest import ROOT
from tests.test_training import TINY_RUN

# Weights after two steps of SGD in fp32, sums in another order (1e-7 seen). Later steps of an untrained network amplify
# it: predictions
# near 0 m have steep logarithms.
RTOL, ATOL = 1e-5, 1e-6
CONFIG = 'configs/vd/pretrain_tiny_pde_rooms.py'


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


def launch(tool: str, *arguments, config=CONFIG) -> str:
    done = subprocess.run(
        ['bash', f'tools/{tool}.sh', str(config), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHON': os.sys.executable, 'PORT': free_port(), 'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'find_unused_parameters' not in done.stderr
    return done.stderr


def fork(tool: str, *arguments, config=CONFIG) -> None:
    """As :func:`launch`, two processes that torchrun would have started: it and they take long to import torch."""

    def rank(number: int) -> subprocess.CompletedProcess:
        group = dict(
            RANK=str(number), LOCAL_RANK=str(number), WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=port
        )
        return forked(f'tools/{tool}.py', config, '--launcher', 'pytorch', *arguments, **group, OMP_NUM_THREADS='1')

    port = free_port()
    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(rank, range(2)):
            assert done.returncode == 0, done.stderr[-3000:]
            assert 'find_unused_parameters' not in done.stderr


def result_of(path) -> dict:
    return json.loads(path.read_text())['result']


def options_of(processes: int, **changes) -> dict:
    options = {
        **TINY_RUN,
        'train_dataloader.batch_size': 4 // processes,
        'val_dataloader.dataset.dataset.length': 3,
        'val_dataloader.batch_size': 2,
        'model.head.norm_eval': True,
        'optim_wrapper.optimizer.type': 'SGD',
        'train_cfg.max_epochs': 1,
        **changes,
    }
    options.pop('param_scheduler')
    return options


def settings(options: dict) -> list[str]:
    return [f'{key}={value}'.replace(' ', '') for key, value in options.items()]


def train(folder, processes: int) -> dict:
    options = options_of(processes)
    if processes == 1:
        config = Config.fromfile(ROOT / CONFIG, format_python_code=False)
        config.merge_from_dict(dict(options, work_dir=str(folder)))
        build_runner(config, training=True).train()
    else:
        told = launch('dist_train', processes, '--work-dir', folder, '--cfg-options', *settings(options))
        assert 'make a global batch of 4, the rates and steps of the recipe are for 16' in told
    return dict(
        state=load_checkpoint(folder / 'epoch_1.pth')['state_dict'],
        result=result_of(folder / 'results' / 'epoch_1.json'),
    )


pytestmark = pytest.mark.xdist_group('two processes')  # both tests read the same two runs


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('dist')
    return [train(folder / str(n), n) for n in (1, 2)]


def test_weights_are_equal(runs):
    one, two = (run['state'] for run in runs)
    for key in one:
        torch.testing.assert_close(two[key], one[key], rtol=RTOL, atol=ATOL, msg=key)


def test_metrics_are_equal_and_no_sample_counts_twice(runs):
    one, two = (run['result'] for run in runs)
    assert one['protocol'] == two['protocol'] and one['protocol']['images'] == 3  # odd: one rank has a repeated sample
    for method in one['errors']:
        for subset in ('removed', 'kept', 'all'):
            assert two['errors'][method][subset]['rmse_mm'] == pytest.approx(
                one['errors'][method][subset]['rmse_mm'], rel=1e-3
            )
    assert two['probes'] == pytest.approx(one['probes'], rel=1e-3)


def test_all_processes_validate_what_is_saved(tmp_path):
    """With batch norms in training mode each process gathers statistics of its own."""
    changes = {'model.head.norm_eval': False}
    fork('train', '--work-dir', tmp_path, '--cfg-options', *settings(options_of(2, **changes)))
    tests = {'test_dataloader.dataset.dataset.length': 3, 'test_dataloader.batch_size': 2}
    tests |= {'test_dataloader.num_workers': 0, 'test_dataloader.persistent_workers': False}
    config = Config.fromfile(ROOT / CONFIG, format_python_code=False)
    one = dict(options_of(1, **changes, **tests), load_from=str(tmp_path / 'epoch_1.pth'), work_dir=str(tmp_path / '1'))
    config.merge_from_dict(one)
    build_runner(config, training=False).test()
    two = ('--work-dir', tmp_path / '2', '--cfg-options', *settings(options_of(2, **changes, **tests)))
    launch('dist_test', tmp_path / 'epoch_1.pth', 2, *two)
    trained, *tested = (
        result_of(tmp_path / path) for path in ('results/epoch_1.json', '1/results/test.json', '2/results/test.json')
    )
    for result in tested:
        assert result['errors']['model']['removed']['rmse_mm'] == pytest.approx(
            trained['errors']['model']['removed']['rmse_mm'], rel=1e-6
        )


def test_probes_are_trained_and_measured_alike_by_any_number_of_processes(tmp_path):
    config = test_classification.small(tmp_path / 'run', **{'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1})
    config.dump(tmp_path / 'probes.py')
    build_runner(config, training=True).train()
    half = ('--work-dir', tmp_path / 'two', '--cfg-options', 'train_dataloader.batch_size=2')
    fork('train', *half, config=tmp_path / 'probes.py')
    fork('test', tmp_path / 'run/epoch_1.pth', '--work-dir', tmp_path / '2', config=tmp_path / 'probes.py')
    one, two = (result_of(tmp_path / path) for path in ('run/results/epoch_1.json', '2/results/test.json'))
    assert one['images'] == dict(holdout=5, test=6) and one == two
    one, two = (load_checkpoint(tmp_path / f'{name}/epoch_1.pth')['state_dict'] for name in ('run', 'two'))
    for key in one:
        torch.testing.assert_close(two[key], one[key], rtol=1e-4, atol=1e-6, msg=key)
    assert not torch.equal(one['head.weight'][0], one['head.weight'][13])
