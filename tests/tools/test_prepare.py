"""From an archive to a training run: datasets are listed once and verified beside Table 6, and bad input is named."""

import json
import os
import shutil
import sys

import pytest
from mmengine.config import Config

from mmvd.apis.preparation import listed_datasets, paper_datasets
from mmvd.datasets import walk
from mmvd.datasets.index import IndexedEntries
from mmvd.errors import MissingInputsError
from tests.conftest import ROOT
from tests.datasets.test_index import build, same
from tests.fabricate import fabricate_bop, fabricate_nine
from tools.dataset_converters.prepare import main as prepare_main


def test_prepare_and_verify(tmp_path, capsys, monkeypatch):
    root = tmp_path / 'lm'

    def prepare(*arguments):
        monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', *map(str, arguments)])
        code = prepare_main()
        return code, capsys.readouterr()

    code, told = prepare('--root', root)
    assert code == 2 and f'{root} (no such folder)' in told.err
    fabricate_nine(tmp_path)
    code, told = prepare('--root', root)
    assert code == 0 and 'samples' in told.out and 'up to date' not in told.out
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    code, told = prepare()
    assert code == 0 and 'up to date' in told.out
    code, told = prepare('--verify')
    lines = [line for line in told.out.splitlines() if line.startswith(('PASS', 'FAIL'))]
    assert code == 1 and len(lines) == 9 and any('FAIL' in line for line in lines)
    (image,) = list(root.glob('test/*/rgb/*'))[:1]
    with monkeypatch.context() as patch:
        patch.setattr('tools.dataset_converters.prepare.judge', lambda facts, expected: [(facts.images == 2, 'all')])
        assert prepare('--verify')[0] == 0
    image.write_bytes(b'')
    assert f'FAIL readable: 1 samples are not, first {image}' in prepare('--verify')[1].out


def test_every_scene_that_is_left_out_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    for scene in range(3, 12):
        fabricate_bop(tmp_path / f'lm/test/{scene:06d}', 6 if scene == 3 else 1)
        if scene != 5:
            (tmp_path / f'lm/test/{scene:06d}/scene_camera.json').write_text('{')
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm'])
    assert prepare_main() == 1
    told = capsys.readouterr()
    assert told.err.count('(and 5 more)') == 1 and '000003/scene_camera.json' in told.err and '000007/s' in told.err
    assert (
        '13 samples or archives were left out' in told.err and '.left_out.txt: what is at fault, 13 lines' in told.out
    )
    (report,) = (tmp_path / 'lm/.mmvd').glob('*.left_out.txt')
    assert '000011/scene_camera.json' in report.read_text()
    for scene in range(3, 12):
        fabricate_bop(tmp_path / f'lm/test/{scene:06d}', 6 if scene == 3 else 1)
    assert prepare_main() == 0 and not report.exists()


@pytest.mark.parametrize(('place', 'centre_px', 'count'), [(2, 70, 1), (5, 50, 1), (2, 60, 0)])
def test_the_camera_of_an_image_of_another_size_is_named(tmp_path, capsys, monkeypatch, place, centre_px, count):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    camera = tmp_path / 'lm/test/000001/scene_camera.json'
    cameras = json.loads(camera.read_text())
    cameras['1']['cam_K'][place] = centre_px
    camera.write_text(json.dumps(cameras))
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify'])
    prepare_main()
    told = capsys.readouterr().out
    assert f'readable: {count} samples are not' in told and told.count('lies outside of 64x48 pixels') == count


@pytest.mark.parametrize('limit', ['0', '-3'])
def test_limits_are_numbers_of_samples(capsys, monkeypatch, limit):
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify', '--limit', limit])
    assert prepare_main() == 2
    assert '--limit must be a whole number of at least 1' in capsys.readouterr().err


def test_a_scene_that_cannot_be_read_is_left_out(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    for scene in ('000001', '000003'):
        fabricate_bop(tmp_path / f'lm/test/{scene}', 2)
    (tmp_path / 'lm/test/000003/scene_camera.json').unlink()
    (tmp_path / 'lm/test/000001/rgb/Thumbs.db').write_bytes(b'')
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm'])
    assert prepare_main() == 1
    told = capsys.readouterr()
    assert (
        ': 2 samples' in told.out
        and '2 samples or archives were left out' in told.err
        and '000003/scene_camera.json' in told.err
    )
    shutil.copy(tmp_path / 'lm/test/000001/scene_camera.json', tmp_path / 'lm/test/000003/scene_camera.json')
    assert prepare_main() == 0 and ': 4 samples' in capsys.readouterr().out  # mended, and noticed
    (tmp_path / 'lm/test/000003/scene_camera.json').write_bytes(b'')
    assert prepare_main() == 1 and ': 2 samples' in capsys.readouterr().out
    content = (tmp_path / 'lm/test/000001/scene_camera.json').read_bytes()
    (tmp_path / 'lm/test/000003/scene_camera.json').write_bytes(content)
    assert prepare_main() == 0 and ': 4 samples' in capsys.readouterr().out
    (tmp_path / 'lm/test/000003/scene_camera.json').unlink()
    with pytest.raises(MissingInputsError, match='scene_camera.json'):
        build(dict(paper_datasets()['lm'], exclude='none'))  # without an index nothing is left out


def test_all_that_a_config_reads(tmp_path, capsys, monkeypatch, bop_rooms):
    shutil.copytree(bop_rooms, tmp_path / 'bop_rooms')
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    path = ROOT / 'configs/pose/poet_vd_rooms.py'
    config = Config.fromfile(path)
    settings = [config[f'{loader}_dataloader'].dataset for loader in ('train', 'val', 'test')]
    listed = [build(each) for each in settings]
    monkeypatch.setattr(sys, 'argv', ['prepare.py', str(path)])
    twice = dict(
        val_dataloader=dict(dataset=settings[0]), test_dataloader=dict(dataset=dict(settings[0], test_mode=True))
    )
    found = listed_datasets(Config(dict(train_dataloader=dict(dataset=settings[0]), **twice)))
    assert [each.get('test_mode', False) for each in found] == [False, True]  # at test other frames are listed
    assert prepare_main() == 0
    for each, before in zip(settings, listed, strict=True):
        found = build(each)
        assert isinstance(found.data_list, IndexedEntries) and len(found) == len(before)
        assert same(found.get_data_info(1), before.get_data_info(1))
    (tmp_path / 'bop_rooms/val').rename(tmp_path / 'bop_rooms/other')
    assert prepare_main() == 2  # of the others the lists are made anew
    told = capsys.readouterr()
    assert 'no such files' in told.err and told.out.count('.arrow: ') == 5
    for arguments in (['--limit', '3'], ['--verify'], ['--root', '/x']):
        monkeypatch.setattr(sys, 'argv', ['prepare.py', str(path), *arguments])
        assert prepare_main() == 2 and 'go with the name of a dataset' in capsys.readouterr().err


def test_a_relative_root(tmp_path, monkeypatch):
    fabricate_bop(tmp_path / 'test/000001', 2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--root', '.'])
    assert prepare_main() == 0
    monkeypatch.chdir('/')
    dataset = build(dict(paper_datasets()['lm'], data_root=str(tmp_path)))
    assert isinstance(dataset.data_list, IndexedEntries)
    assert dataset.get_data_info(0)['img_path'] == f'{tmp_path}/test/000001/rgb/000000.png'


@pytest.mark.parametrize('first', [True, False])
def test_one_image_does_not_speak_for_its_dataset(tmp_path, capsys, monkeypatch, first):
    """Whichever the file system lists first."""
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_nine(tmp_path, 4)
    scans = tmp_path / 'scannet/scans'
    names = sorted(os.listdir(scans / 'scene0000_00/color'))
    listed = names if first else names[::-1]
    monkeypatch.setattr(walk, '_listed', lambda folder: listed)
    (scans / 'scene0000_00/depth' / names[0].replace('.jpg', '.png')).unlink()
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'scannet', '--verify'])
    assert prepare_main() == 1
    told = capsys.readouterr().out
    assert ': 4 samples' in told and 'FAIL readable: 1 samples are not, first ' in told


@pytest.mark.parametrize('without', ['scene0000_00', 'scene0001_00'])
def test_one_scene_does_not_speak_for_its_dataset(tmp_path, capsys, monkeypatch, without):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_nine(tmp_path)
    scans = tmp_path / 'scannet/scans'
    shutil.copytree(scans / 'scene0000_00', scans / 'scene0001_00')
    shutil.rmtree(scans / without / 'intrinsic')
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'scannet'])
    assert prepare_main() == 1
    told = capsys.readouterr()
    assert ': 2 samples' in told.out and '2 samples or archives were left out' in told.err


@pytest.mark.parametrize('content', [b'', b'PK\3\4', b'\x93NUMPY\1\0'])
def test_a_damaged_camera_is_left_out(tmp_path, capsys, monkeypatch, content):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_nine(tmp_path)
    scenes = tmp_path / 'graspnet/scenes'
    shutil.copytree(scenes / 'scene_0000', scenes / 'scene_0001')
    for camera in (scenes / 'scene_0001').glob('*/camK.npy'):
        camera.write_bytes(content)
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'graspnet'])
    assert prepare_main() == 1 and 'camK.npy: holds no camera matrix' in capsys.readouterr().err


@pytest.mark.parametrize('name', ["Anna's disk", 'ta\\new', 'a "b" \'c\'', r'\g<0>', 'ü\n'])
def test_data_may_lie_in_any_folder(tmp_path, capsys, monkeypatch, name):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path / name))
    fabricate_bop(tmp_path / name / 'lm/test/000001', 2)
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm'])
    assert prepare_main() == 0 and ': 2 samples' in capsys.readouterr().out
    assert os.environ['MMVD_DATA'] == str(tmp_path / name)


def test_what_is_read_alone_is_judged(tmp_path, capsys, monkeypatch):
    """Preparing needs no transform, and a wrapper of another scope no argument for it."""
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    path = tmp_path / 'c.py'
    path.write_text(
        f"lm = dict(type='mmvd.BOPDataset', data_root='{tmp_path}/lm', split='test', pipeline=[dict(type='no.Such')])\n"
        "twice = dict(type='RepeatDataset', _scope_='mmengine', times=2, dataset=lm)\n"
        'train_dataloader = dict(batch_size=1, num_workers=0, dataset=twice)\n'
    )
    monkeypatch.setattr(sys, 'argv', ['prepare.py', str(path)])
    assert prepare_main() == 0 and ': 2 samples' in capsys.readouterr().out
