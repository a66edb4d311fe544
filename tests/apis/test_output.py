"""Files of results: what is there is kept, replaced or refused, never by accident."""

import cv2
import numpy as np
import pytest

from mmvd.apis.inputs import Source
from mmvd.apis.output import Output
from mmvd.errors import ConfigError
from tests.apis.conftest import RGB


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


def test_an_interrupted_call_goes_on(completer, frames, tmp_path):
    out = tmp_path / 'out'
    completer(frames, frames, out_dir=tmp_path / 'whole')
    first = completer.stream(frames, frames, out_dir=out)
    next(first), next(first)
    first.close()
    kept = (out / '0_rgb_depth.png').stat().st_mtime_ns
    found = completer(frames, frames, out_dir=out, skip_existing=True, show_progress=True)
    assert [p['name'] for p in found['predictions']] == ['2_rgb', '3_rgb'] and found['skipped'] == ['0_rgb', '1_rgb']
    assert (out / '0_rgb_depth.png').stat().st_mtime_ns == kept
    for path in (tmp_path / 'whole').iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
    video = ((frames / f'{i}_rgb.png', frames / f'{i}_depth.png') for i in range(4))
    found = completer(video, out_dir=out, skip_existing=True)
    assert not found['predictions'] and len(found['skipped']) == 4
    with pytest.raises(ConfigError, match='skip_existing: give out_dir'):
        completer(frames, frames, skip_existing=True)


def test_a_part_of_a_result_is_replaced_on_request_alone(completer, frames, tmp_path):
    out = tmp_path / 'out'
    completer(frames, frames, out_dir=out)
    (out / '1_rgb_panel.png').unlink()  # a kill between the two files
    with pytest.raises(ConfigError, match='1_rgb_depth.png: exists without the rest of its result: .*--overwrite'):
        completer(frames, frames, out_dir=out, skip_existing=True)
    found = completer(frames, frames, out_dir=out, skip_existing=True, overwrite=True)
    assert [p['name'] for p in found['predictions']] == ['1_rgb'] and (out / '1_rgb_panel.png').is_file()


def test_measured_depth_is_no_result(completer, frames):
    (frames / '0_rgb.png').rename(frames / '0.png')
    measured = (frames / '0_depth.png').read_bytes()
    for depth, told in ((frames / '0_depth.png', 'is read'), (None, 'exists without the rest')):
        with pytest.raises(ConfigError, match=f'0_depth.png: {told}'):
            completer((frames / '0.png', depth), out_dir=frames, skip_existing=True)
    assert (frames / '0_depth.png').read_bytes() == measured


def test_a_read_only_place_is_named(completer, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='this folder cannot be written'):
        completer(RGB, out_dir=tmp_path / 'file')


def test_no_result_replaces_an_input_that_comes_later(tmp_path):
    sources = [Source(name, name, list, (tmp_path / f'{name}.png',)) for name in ('a', 'a_depth')]
    for overwrite in (False, True):
        output = Output(tmp_path, ['_depth.png'], overwrite, skip_existing=False)
        with pytest.raises(ConfigError, match='a_depth.png: is read, and would be replaced'):
            output.todo(sources)
    (tmp_path / 'link').symlink_to(tmp_path)  # the same file by another name
    linked = [Source(name, name, list, (tmp_path / f'link/{name}.png',)) for name in ('a', 'a_depth')]
    with pytest.raises(ConfigError, match='a_depth.png: is read, and would be replaced'):
        Output(tmp_path, ['_depth.png'], overwrite=True, skip_existing=False).todo(linked)
