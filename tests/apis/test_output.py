"""Files of results: what is there is kept, replaced or refused, never by accident."""

import cv2
import numpy as np
import pytest

from mmvd.errors import ConfigError
from tests.apis.conftest import RGB
from tests.conftest import logged


def test_files_of_results(completer, frames, tmp_path):
    out = tmp_path / 'out'
    found = completer(frames, frames, out_dir=out, return_vis=True)
    written = cv2.imread(str(out / '0_rgb_depth.png'), cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint16
    assert np.abs(written / 1000 - found['predictions'][0]['depth_m']).max() <= 5.1e-4
    assert len(list(out.iterdir())) == 8 and found['visualization'][0].dtype == np.uint8
    with pytest.raises(ConfigError, match='0_rgb_depth.png: exists already'):
        completer(frames, frames, out_dir=out)
    completer(frames, frames, out_dir=out, overwrite=True)
    completer(frames, frames, out_dir=tmp_path / 'p', no_save_vis=True)
    assert {path.name for path in (tmp_path / 'p').iterdir()} == {f'{i}_rgb_depth.png' for i in range(4)}
    completer(frames, frames, out_dir=tmp_path / 'v', no_save_pred=True)
    assert {path.name for path in (tmp_path / 'v').iterdir()} == {f'{i}_rgb_panel.png' for i in range(4)}


def test_two_results_of_one_name_are_refused(completer, frames, tmp_path):
    twice = [frames / '0_rgb.png', frames / '0_rgb.png']
    with pytest.raises(ConfigError, match='two inputs of this name'):
        completer(twice, out_dir=tmp_path / 'out')
    assert len(completer(twice)['predictions']) == 2  # nothing is written


def test_two_results_of_one_name_in_a_video(completer, frames, tmp_path):
    with pytest.raises(ConfigError, match='two inputs of this name'):
        completer((frames / '0_rgb.png' for _ in range(2)), out_dir=tmp_path / 'out')


def test_an_interrupted_call_goes_on(completer, frames, tmp_path, monkeypatch):
    out, whole = tmp_path / 'out', completer(frames, frames, out_dir=tmp_path / 'whole')
    first = completer.stream(frames, frames, out_dir=out)
    next(first), next(first)
    first.close()
    (out / '1_rgb_panel.png').unlink()  # cut off between the two files of a result
    kept = (out / '0_rgb_depth.png').stat().st_mtime_ns
    said = logged(monkeypatch, 'info')
    found = completer(frames, frames, out_dir=out, skip_existing=True, show_progress=True)
    assert [p['name'] for p in found['predictions']] == ['1_rgb', '2_rgb', '3_rgb']
    assert said == ['DepthCompletionInferencer: 1 of the results are there already, e.g. of 0_rgb']
    assert (out / '0_rgb_depth.png').stat().st_mtime_ns == kept and len(whole['predictions']) == 4
    for path in (tmp_path / 'whole').iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
    video = ((frames / f'{i}_rgb.png', frames / f'{i}_depth.png') for i in range(4))
    assert completer(video, out_dir=out, skip_existing=True)['predictions'] == []
    (frames / '0_rgb.png').rename(frames / '0.png')
    with pytest.raises(ConfigError, match='0_depth.png: is read'):  # measured depth is no result that is there
        completer((frames / '0.png', frames / '0_depth.png'), out_dir=frames, skip_existing=True, no_save_vis=True)
    with pytest.raises(ConfigError, match='say one of them'):
        completer(frames, frames, out_dir=out, skip_existing=True, overwrite=True)


def test_a_read_only_place_is_named(completer, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='this folder cannot be written'):
        completer(RGB, out_dir=tmp_path / 'file')
