"""The wheel, installed into an environment outside the checkout: configs travel, models open, the demo runs."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

import mmvd
from mmvd.apis.packing import pack
from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group('wheel')  # built and installed once

# At the root of the checkout: what is no source.
_not_copied = shutil.ignore_patterns('.*', 'build', 'work_dirs', 'weights', 'data', '__pycache__', '*.egg-info')


def run(*command, cwd, **env):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=cwd, env={**os.environ, 'PYTHONPATH': '', **env}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope='module')
def python(tmp_path_factory):
    """Interpreter of an environment that has the wheel, and borrows everything else from this one."""
    folder = tmp_path_factory.mktemp('outside')
    source = folder / 'source'  # two processes that build at once would meet in the checkout
    shutil.copytree(ROOT, source, ignore=lambda at, names: _not_copied(at, names) if Path(at) == ROOT else set())
    run(
        sys.executable,
        '-m',
        'pip',
        'wheel',
        '-q',
        '--no-deps',
        '--no-build-isolation',
        '-w',
        folder,
        source,
        cwd=folder,
    )
    run(sys.executable, '-m', 'venv', '--without-pip', folder / 'env', cwd=folder)
    inside = folder / 'env/bin/python'
    (wheel,) = folder.glob('mmvd-*.whl')
    install = ('-m', 'pip', '--python', inside, 'install', '-q', '--no-deps', '--no-index', wheel)
    run(sys.executable, *install, cwd=folder)
    packages = Path(run(inside, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))', cwd=folder).strip())
    # a path in a .pth file is searched for packages, but its own .pth files, the editable checkout's, are not obeyed
    (packages / 'borrowed.pth').write_text(sysconfig.get_path('purelib') + '\n')
    return inside


def test_configs_travel(python, tmp_path):
    where = run(python, '-c', 'import mmvd; print(mmvd.__file__)', cwd=tmp_path).strip()
    assert where.startswith(str(python.parents[1])) and not where.startswith(str(ROOT))
    names = run(python, '-m', 'mmvd', 'models', cwd=tmp_path).split()
    assert names == mmvd.list_models()
    assert (Path(where).parent / '.mim/model-index.yml').is_file()


def test_models_open_complete_and_demonstrate(python, tmp_path):
    config = Config.fromfile(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py')
    model = mmvd.load_model(config, device='cpu')
    pack(model.completer, config, tmp_path / 'model', 'test')
    rgb = np.random.default_rng(0).integers(0, 256, (56, 72, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'rgb.png'), rgb[..., ::-1])
    cv2.imwrite(str(tmp_path / 'depth.png'), np.full((56, 72), 2000, np.uint16))
    code = (
        "import mmvd, sys; m = mmvd.load_model('pretrain_tiny_pde_rooms', device='cpu');"
        "a = mmvd.load_model('model', device='cpu').complete('rgb.png', 'depth.png'); print(a.shape, float(a.sum()))"
    )
    shape, total = run(python, '-c', code, cwd=tmp_path).strip().splitlines()[-1].rsplit(' ', 1)
    expected = model.complete(tmp_path / 'rgb.png', tmp_path / 'depth.png')
    assert shape == '(56, 72)' and float(total) == pytest.approx(float(expected.sum()), rel=1e-4)
    run(python, '-m', 'mmvd', 'complete', 'rgb.png', 'depth.png', '--model', 'model', '--out', 'out', cwd=tmp_path)
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {'rgb_depth.png', 'rgb_panel.png'}
    run(python, '-m', 'mmvd', 'demo', '--out', 'demo.png', cwd=tmp_path)  # with the model that travels with the package
    assert cv2.imread(str(tmp_path / 'demo.png')).ndim == 3
