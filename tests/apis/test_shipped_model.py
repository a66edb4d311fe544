"""The model inside the package: opens without arguments, is small, and beats filling in the nearest pixel."""

import os
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

import mmvd
from mmvd import __main__
from mmvd.apis import DepthCompletionInferencer
from mmvd.apis.packing import SHIPPED, WEIGHTS
from mmvd.datasets import SyntheticRooms
from mmvd.errors import ConfigError
from mmvd.evaluation.baselines import inpaint, nearest_fill
from mmvd.evaluation.input_patterns import removed_pixels
from tests.conftest import ROOT


@pytest.fixture(scope='module')
def model():
    return mmvd.load_model(device='cpu')


@pytest.fixture(scope='module')
def rooms():
    return [SyntheticRooms(4, seed=1000, size=(120, 160)).render(index) for index in range(4)]


def rmse(pred, truth, mask) -> float:
    return float(np.sqrt(((pred - truth)[mask] ** 2).mean()))


def test_it_is_small(model):
    assert (SHIPPED / WEIGHTS).stat().st_size <= 12e6
    with pytest.raises(ConfigError, match='a.pth: a checkpoint needs its config'):
        mmvd.load_model(checkpoint='a.pth')


@pytest.mark.parametrize('pattern, kept', [('pixel', 0.01), ('pixel', 0.1), ('perlin', 0.5), ('sensor_holes', 0.5)])
def test_it_beats_classic_fills_on_unseen_rooms(model, rooms, pattern, kept):
    """The whole table is docs/guides/model.md; of four rooms at another size the sign is enough."""
    errors = dict(model=[], nearest=[], inpaint=[], swapped=[])
    for number, room in enumerate(rooms):
        depth = room.exact_depth[:, None]
        removed = removed_pixels(pattern, kept, depth, [room.rgb[0].permute(2, 0, 1).flip(0)], torch.tensor([number]))
        given, truth, mask = depth.masked_fill(removed, 0)[0, 0].numpy(), depth[0, 0].numpy(), removed[0, 0].numpy()
        other = rooms[(number + 1) % len(rooms)].rgb[0].numpy()
        errors['model'].append(rmse(model.complete(room.rgb[0].numpy(), given), truth, mask))
        errors['swapped'].append(rmse(model.complete(other, given), truth, mask))
        errors['nearest'].append(rmse(nearest_fill(given), truth, mask))
        errors['inpaint'].append(rmse(inpaint(given), truth, mask))
    median = {name: np.median(values) for name, values in errors.items()}
    assert median['model'] < 0.9 * min(median['nearest'], median['inpaint'])
    assert median['swapped'] > 1.05 * median['model']


@pytest.mark.parametrize('scale', [0.25, 0.5, 2.0, 4.0])
def test_scaled_depth_gives_scaled_predictions(model, rooms, scale):
    rgb, depth = rooms[0].rgb[0].numpy(), rooms[0].exact_depth[0].numpy().copy()
    depth[::2] = 0
    ratio = model.complete(rgb, depth * scale) / (scale * model.complete(rgb, depth))
    assert abs(np.median(ratio) - 1) < 0.05


def test_inferencers_take_it_and_measured_pixels_pass(rooms):
    rgb, depth = rooms[0].rgb[0].numpy(), rooms[0].exact_depth[0].numpy().copy()
    depth[40:80, 40:80] = 0
    found = DepthCompletionInferencer(device='cpu')([(rgb, depth)], show_progress=False)['predictions'][0]['depth_m']
    np.testing.assert_array_equal(found[depth > 0], depth[depth > 0])
    assert found.min() > 0


def test_nothing_measured_is_completed_all_the_same(model, rooms):
    """Colour alone: it was not trained for that, but gives numbers of a room's size."""
    found = model.complete(rooms[0].rgb[0].numpy())
    assert np.isfinite(found).all() and 0.1 < np.median(found) < 30


def test_names_of_any_letters(tmp_path):
    """Where the output knows few of them, as in a redirect on Windows."""
    for name in ('1', '日本', 'z'):
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.full((42, 56, 3), 90, np.uint8))
    command = [sys.executable, '-m', 'mmvd', 'complete', str(tmp_path), '--out', str(tmp_path / 'out')]
    environment = dict(os.environ, PYTHONIOENCODING='cp1252', OMP_NUM_THREADS='1')
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding='cp1252')
    assert done.returncode == 0 and '\\u65e5\\u672c: ' in done.stdout and '3 done' in done.stdout, done.stderr


def test_what_is_read_is_never_replaced(tmp_path):
    """Results are named as the depth files of many recorders are."""
    cv2.imwrite(str(tmp_path / '1.jpg'), np.full((42, 56, 3), 90, np.uint8))
    cv2.imwrite(str(tmp_path / '1_depth.png'), np.full((42, 56), 1500, np.uint16))
    before = (tmp_path / '1_depth.png').read_bytes()
    complete = DepthCompletionInferencer(device='cpu', size=42)
    pair = (tmp_path / '1.jpg', tmp_path / '1_depth.png')
    for inputs, depth in ((tmp_path, tmp_path), (pair, None), ([pair], None), (iter([pair]), None)):
        with pytest.raises(ConfigError, match='1_depth.png: is read, and would be replaced: choose another folder'):
            complete(inputs, depth, out_dir=tmp_path, overwrite=True)
        assert (tmp_path / '1_depth.png').read_bytes() == before


def test_an_interrupted_command_is_one_line(monkeypatch, capsys):
    def run(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, 'make_parser', lambda: SimpleNamespace(parse_args=lambda: SimpleNamespace(run=run)))
    assert __main__.main() == 130
    assert capsys.readouterr().err == 'interrupted\n'
