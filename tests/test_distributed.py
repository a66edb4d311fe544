"""Two gloo processes equal one process with the same global batch."""
import json
import os
import socket
import subprocess

import pytest
import torch

from mmvd.models.weights import load_checkpoint
from tests.conftest import ROOT
from tests.test_training import TINY_RUN

# Weights after two steps of SGD in fp32, sums in another order (1e-7 seen). Later steps of an untrained network amplify it: predictions
# near 0 m have steep logarithms.
RTOL, ATOL = 1e-5, 1e-6


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


def train(folder, processes: int) -> dict:
    options = {**TINY_RUN, 'train_dataloader.batch_size': 4 // processes, 'val_dataloader.dataset.dataset.length': 3,
               'val_dataloader.batch_size': 2, 'model.head.norm_eval': True, 'optim_wrapper.optimizer.type': 'SGD',
               'train_cfg.max_epochs': 1}
    options.pop('param_scheduler')
    pairs = [f'{key}={value}'.replace(' ', '') for key, value in options.items()]
    done = subprocess.run(['bash', 'tools/dist_train.sh', 'configs/vd/pretrain_tiny_pde_rooms.py', str(processes), '--work-dir', str(folder),
                           '--cfg-options', *pairs], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, 'PYTHON': os.sys.executable, 'PORT': free_port(), 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'find_unused_parameters' not in done.stderr
    assert 'make a global batch of 4, the rates and steps of the recipe are for 16' in done.stderr
    return dict(state=load_checkpoint(folder / 'epoch_1.pth')['state_dict'],
                result=json.loads((folder / 'results' / 'epoch_1.json').read_text())['result'])


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
            assert two['errors'][method][subset]['rmse_mm'] == pytest.approx(one['errors'][method][subset]['rmse_mm'], rel=1e-3)
    assert two['probes'] == pytest.approx(one['probes'], rel=1e-3)
