"""``prepare.py --verify``: a dataset that is read beside the paper's Table 6."""

import shutil
import sys

import cv2
import numpy as np
import pytest

from mmvd.datasets import threads, verification
from mmvd.datasets.verdicts import judge
from mmvd.datasets.verification import DatasetFacts
from tests.fabricate import fabricate_bop, fabricate_nine
from tools.dataset_converters.prepare import main as prepare_main


@pytest.mark.parametrize(
    ('change', 'failing'),
    [
        ({}, []),
        (dict(mean_m=23.0), ['depth scale', 'mean']),
        (dict(mean_m=3.2), ['mean']),
        (dict(std_m=0.1), ['deviation']),
        (dict(density=0.5), ['density']),
        (dict(mean_m=1.1), ['depth scale', 'mean']),
        (dict(mean_m=1.2), ['mean']),
        (dict(std_m=1.3), ['deviation']),
        (dict(images=99), []),
        (dict(failures=['a.png: cut off']), ['readable']),
        (dict(duplicates=['a.png is b.png']), ['distinct']),
        (dict(empty=['a.png']), []),  # one in a hundred may be
        (dict(empty=['a.png', 'b.png']), ['depth']),
        (dict(other_unit=['a.png']), ['one unit']),
        (dict(other_unit=['a.png'], scale='of each scene'), []),
        (dict(images=0), ['images']),
        (dict(images=7), ['images']),
    ],
)
def test_rules_of_table_6(change, failing):
    of_table = dict(mean_m=2.3, std_m=0.7, density=0.87, thousands=5, images=100)
    of_table |= {key: change[key] for key in change if key == 'scale'}
    read = dict(images=9000, read=100, mean_m=2.4, std_m=0.6, density=0.85)
    facts = DatasetFacts(**read | {key: change[key] for key in change if key != 'scale'})
    rules = judge(facts, of_table)
    assert [text.split(':')[0] for holds, text in rules if not holds] == failing
    assert not judge(facts, dict(of_table, density=facts.density - 0.16))[-1][0]  # neither may it be denser


@pytest.mark.parametrize(('colour', 'told'), [(True, 'FAIL distinct: 1'), (False, 'PASS distinct: 0')])
def test_images_of_one_colour_are_no_copies(tmp_path, capsys, monkeypatch, colour, told):
    """BlendedMVS has such, of places without a surface."""
    fabricate_nine(tmp_path, 4)
    images = tmp_path / 'blendedmvs/scene/blended_images'
    for number in (1, 2):
        picture = cv2.imread(str(images / '00000000.jpg')) * colour
        cv2.imwrite(str(images / f'{number:08d}.jpg'), picture)
    (images / '00000000.jpg').unlink()
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'blendedmvs', '--root', str(tmp_path / 'blendedmvs'), '--verify'])
    prepare_main()
    assert told in capsys.readouterr().out


def test_half_extracted_and_renamed(tmp_path, capsys, monkeypatch):
    fabricate_nine(tmp_path, 4)
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'scannet', '--verify'])
    scan = tmp_path / 'scannet/scans/scene0000_00'
    (scan / 'depth/3.png').unlink()  # the archive was not unpacked to its end
    (scan / 'color/2.jpg').write_bytes((scan / 'color/2.jpg').read_bytes()[:200])
    shutil.copy(scan / 'color/0.jpg', scan / 'color/1.jpg')
    assert prepare_main() == 1
    told = capsys.readouterr().out
    assert 'FAIL readable: 2 samples are not, first ' in told and 'FAIL distinct: 1 images are there twice' in told
    assert 'FAIL images: 4 (of the release at least 2492518; ' in told  # the rest was read
    (scan / 'depth').rename(scan / 'depths')
    assert prepare_main() == 2
    assert f'{scan}/depth/' in capsys.readouterr().err


def test_a_wrong_depth_scale_is_caught(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    for scale, told in ((0.1, 'PASS depth scale'), (1.0, 'times that of the table, a wrong unit or depth scale?')):
        fabricate_bop(tmp_path / 'lm/test/000001', 3)
        camera = tmp_path / 'lm/test/000001/scene_camera.json'
        camera.write_text(camera.read_text().replace('"depth_scale": 0.1', f'"depth_scale": {scale}'))
        monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify'])
        prepare_main()
        assert told in capsys.readouterr().out


def test_a_part_in_another_unit_and_maps_without_depth_are_named(tmp_path, capsys, monkeypatch):
    """Averages over a dataset hide them."""
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    for scene in ('000001', '000003', '000004'):
        fabricate_bop(tmp_path / f'lm/test/{scene}', 2)
    for image in (tmp_path / 'lm/test/000004').glob('depth/*.png'):
        cv2.imwrite(str(image), np.full((48, 64), 8, np.uint16))  # under a millimetre
    empty = tmp_path / 'lm/test/000001/depth/000000.png'
    cv2.imwrite(str(empty), np.zeros((48, 64), np.uint16))
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify'])
    assert prepare_main() == 1
    told = capsys.readouterr().out
    assert f'FAIL depth: 1 maps of 6 have none, first {empty}' in told
    assert 'FAIL one unit: 2 maps differ from the median by more than 100 times, or ' in told and '000004/de' in told
    assert '.verify.txt: what is at fault, 7 lines' in told
    (report,) = (tmp_path / 'lm/.mmvd').glob('*.verify.txt')
    rules = [line.split(': ')[0] for line in report.read_text().splitlines()]
    assert rules == ['distinct'] * 4 + ['depth', 'one unit', 'one unit']
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify', '--limit', '1'])
    prepare_main()
    assert report.exists()  # of the whole


@pytest.mark.parametrize('wrong', [1.0, 0.015])
def test_one_scene_with_the_depth_scale_of_another_sensor_is_named(tmp_path, capsys, monkeypatch, wrong):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    for scene, scale in (('000001', 0.1), ('000003', wrong), ('000004', 0.1)):
        fabricate_bop(tmp_path / f'lm/test/{scene}', 2)
        camera = tmp_path / f'lm/test/{scene}/scene_camera.json'
        camera.write_text(camera.read_text().replace('"depth_scale": 0.1', f'"depth_scale": {scale}'))
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify'])
    assert prepare_main() == 1
    told = capsys.readouterr().out
    assert 'FAIL one unit: 2 maps' in told and 'by more than 5, first ' in told and '000003/depth/' in told


def test_what_was_read_is_kept_while_a_part_is_read_and_when_files_come(tmp_path, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    for scene in (1, 3, 4):
        fabricate_bop(tmp_path / f'lm/test/{scene:06d}', 2)
    looked, stop, look = [], [3], verification._look_into

    def note(dataset, index):
        if index in stop:
            raise KeyboardInterrupt
        looked.append(index)
        return look(dataset, index)

    monkeypatch.setattr(verification, '_look_into', note)
    monkeypatch.setattr(threads, '_AT_ONCE', 1)
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify'])
    assert prepare_main() == 130 and looked == [0, 1, 2]
    stop.clear()
    looked.clear()
    (tmp_path / 'lm/README').write_text('x')  # another index
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify', '--limit', '2'])
    prepare_main()
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify'])
    prepare_main()
    assert looked == [0, 5, 3, 4, 5] and not list((tmp_path / 'lm/.mmvd').glob('*.verify*[!t]'))
