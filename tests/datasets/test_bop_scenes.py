"""Scenes of the BOP layout that are partly unpacked, partly in their archive, damaged or without depth."""

import json
import shutil
import time
import zipfile

import pytest

from mmvd.datasets import bop_scenes
from mmvd.errors import MissingInputsError
from mmvd.registry import DATASETS
from tests.conftest import logged
from tests.datasets.test_archives import pack, same
from tests.fabricate import fabricate_bop
from tools.dataset_converters.prepare import prepare

LOAD = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth')]
SIDE = ('scene_camera.json', 'scene_gt.json', 'scene_gt_info.json', 'mask', 'mask_visib')


@pytest.fixture
def settings(tmp_path):
    fabricate_bop(tmp_path / 'lmo/test/000002', 3)
    return dict(type='mmvd.BOPPoseDataset', data_root=str(tmp_path / 'lmo'), split='test', test_mode=True)


def samples(settings) -> list[dict]:
    return list(DATASETS.build(dict(settings, pipeline=LOAD)))


@pytest.mark.parametrize('unpacked', [('rgb', 'depth'), ('rgb', 'depth', SIDE[0]), ('rgb',), SIDE, SIDE[1:]])
def test_what_is_unpacked_goes_with_what_is_in_the_archive(tmp_path, settings, unpacked, monkeypatch):
    whole, scene = samples(settings), tmp_path / 'lmo/test/000002'
    aside = tmp_path / 'aside'
    shutil.copytree(scene, aside)
    pack(tmp_path / 'lmo/test', tmp_path / 'lmo/lmo_test_all.zip')
    for name in unpacked:
        scene.mkdir(parents=True, exist_ok=True)
        (aside / name).rename(scene / name)
    told, mixed = logged(monkeypatch), samples(settings)
    assert same(whole, mixed) and not [text for text in told if 'have no image' in text]
    for a, b in zip(whole, mixed, strict=True):
        assert len(a['instances']) == len(b['instances']) == 1
        assert a['instances'][0]['translation_mm'] == b['instances'][0]['translation_mm']
        masks = [each['instances'][0]['mask_visib_path'] for each in (a, b)]
        assert masks[0].endswith(masks[1].split('lmo_test_all.zip/')[-1].split('lmo/')[-1])
        assert bop_scenes.is_file(masks[1])


def test_some_frames_unpacked_beside_the_archive_of_all(tmp_path, settings, monkeypatch):
    """As lmo_test_bop19.zip and lmo_test_all.zip: each has files of its scenes that know its own frames."""
    whole, scene = samples(settings), tmp_path / 'lmo/test/000002'
    shutil.copytree(scene, tmp_path / 'aside')
    pack(tmp_path / 'lmo/test', tmp_path / 'lmo/lmo_test_all.zip')
    shutil.copytree(tmp_path / 'aside', scene)
    for path in scene.glob('*/00000[12]*.png'):
        path.unlink()
    for path in scene.glob('*.json'):
        path.write_text(json.dumps({'0': json.loads(path.read_text())['0']}))
    told, mixed = logged(monkeypatch), samples(settings)
    assert same(whole, mixed) and [len(sample['instances']) for sample in mixed] == [1, 1, 1]
    assert not [text for text in told if 'have no image' in text]
    with zipfile.ZipFile(tmp_path / 'lmo/lmo_test_all.zip', 'w') as archive:  # one of its images is gone
        for path in (tmp_path / 'aside').rglob('*'):
            if path.is_file() and path.name != '000002.png':
                archive.write(path, f'test/000002/{path.relative_to(tmp_path / "aside")}')
    told.clear()
    assert len(samples(settings)) == 2 and '1 frames of 1 scenes have no image, first test/000002' in told[-1]


def test_masks_are_found_one_by_one(tmp_path, settings):
    scene = tmp_path / 'lmo/test/000002'
    for kind in ('gt', 'gt_info'):
        path = scene / f'scene_{kind}.json'
        path.write_text(json.dumps({frame: rows * 2 for frame, rows in json.loads(path.read_text()).items()}))
    for mask in list(scene.glob('mask*/*_000000.png')):
        shutil.copy(mask, mask.with_name(mask.name.replace('_000000.', '_000001.')))
    first = (scene / 'mask/000000_000000.png').read_bytes()
    pack(tmp_path / 'lmo/test', tmp_path / 'lmo/lmo_test_all.zip')
    (scene / 'mask').mkdir(parents=True)
    (scene / 'mask/000000_000000.png').write_bytes(first)
    found = [each for sample in samples(settings) for each in sample['instances']]
    assert len(found) == 6
    assert all(bop_scenes.is_file(each[f'{kind}_path']) for each in found for kind in ('mask', 'mask_visib'))


def test_an_archive_in_parts_beside_it_harms_nothing(tmp_path, settings, monkeypatch):
    for name in SIDE[1:]:
        path = tmp_path / 'lmo/test/000002' / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in ('lmo_train_pbr.z01', 'lmo_train_pbr.zip'):
        (tmp_path / 'lmo' / name).write_bytes(b'x')
    told = logged(monkeypatch)
    assert [sample['instances'] for sample in samples(settings)] == [[]] * 3
    assert [text for text in told if 'poses may be where none is read' in text and 'in parts' in text]
    with pytest.raises(MissingInputsError, match='scene_gt.json: no such file.*it comes in parts'):
        samples(dict(settings, test_mode=False))


def test_the_truth_that_comes_later_makes_an_index_stale(tmp_path, settings, monkeypatch):
    truth = tmp_path / 'lmo/test/000002/scene_gt.json'
    poses = truth.read_text()
    prepare(settings)
    time.sleep(0.02)
    truth.write_text(poses.replace('"obj_id": 1', '"obj_id": 1 '))
    told = logged(monkeypatch)
    samples(settings)
    assert 'scene_gt.json has changed since' in told[0]


@pytest.mark.parametrize('split', ['test/', './test'])
def test_a_split_may_be_written_as_a_folder(tmp_path, settings, split):
    assert same(samples(dict(settings, split=split)), samples(settings))
    whole, camera = samples(settings), tmp_path / 'lmo/test/000002/scene_camera.json'
    camera.rename(tmp_path / 'aside.json')
    with pytest.raises(MissingInputsError, match='lmo/test/000002/scene_camera.json'):
        samples(dict(settings, split=split))
    (tmp_path / 'aside.json').rename(camera)
    pack(tmp_path / 'lmo/test', tmp_path / 'lmo/lmo_test_all.zip')
    assert same(samples(dict(settings, split=split)), whole)


def test_a_damaged_file_is_read_once(settings, tmp_path, monkeypatch):
    (tmp_path / 'lmo/test/000002/scene_camera.json').write_text('{')
    read, read_frames = [], bop_scenes.read_frames
    monkeypatch.setattr(bop_scenes, 'read_frames', lambda path: read.append(path) or read_frames(path))
    dataset = DATASETS.build(dict(settings, pipeline=LOAD, lazy_init=True))
    dataset.problems = []
    with pytest.raises(MissingInputsError, match='no frame of .*left out.*no readable JSON'):
        dataset.full_init()
    assert len(read) == 1 and len(dataset.problems) == 3


@pytest.mark.parametrize('kind', ['mmvd.BOPDataset', 'mmvd.BOPPoseDataset'])
@pytest.mark.parametrize(
    ('gone', 'named'), [('depth', r'depth/00000\d.png \(no such file'), (SIDE[0], r'scene_camera.json \(no such file')]
)
def test_a_set_without_depth_or_cameras_is_not_there(settings, tmp_path, kind, gone, named):
    path = tmp_path / 'lmo/test/000002' / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    settings['type'] = kind
    if kind == 'mmvd.BOPDataset':
        settings.pop('test_mode')
    with pytest.raises(MissingInputsError, match=named):
        prepare(settings)


def test_missing_poses_are_named(settings, tmp_path):
    (tmp_path / 'lmo/test/000002/scene_gt_info.json').unlink()
    with pytest.raises(MissingInputsError, match='left out.*scene_gt_info.json: no such file'):
        prepare(dict(settings, test_mode=False))
