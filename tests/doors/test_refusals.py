"""Settings and files that contradict each other: one line, typed, that names what to change."""

import sys
import zipfile
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from mmvd.__main__ import main
from mmvd.apis import preparation
from mmvd.compat import inspect_stack, stack
from mmvd.datasets import rasters
from mmvd.datasets.archives import is_file, open_archive
from mmvd.datasets.bop_files import read_targets
from mmvd.datasets.meshes import MeshRenderer, load_mesh
from mmvd.datasets.rasters import read_image, read_labels
from mmvd.errors import ConfigError, MissingInputsError, SampleError
from mmvd.registry import DATASETS, HOOKS, TRANSFORMS
from tests.doors.test_arguments import ids

CLASSES = dict(type='mmvd.RGBDClassDataset', images='*/*.png', depth_from=('$', '.npy'), classes=['a'])
LABELS = dict(type='mmvd.RGBDSegDataset', images='*/*.png', depth_from=('$', '.npy'), classes=['a'])
ROWS = [
    (dict(CLASSES, label_from='.*/'), 'has no group .* that is the class'),
    (dict(CLASSES, label_from='(b)/'), "a/0.png: label_from='.b./' finds no class in this path"),
    (dict(CLASSES, label_from='(.*)/', classes='a'), "classes must be a list of names, got 'a'"),
    (dict(CLASSES, label_from='(.*)/', holdout=0), 'holdout must be a share above 0 and below 1, got 0'),
    (dict(CLASSES, label_from='(.*)/', holdout=1.0), 'holdout must be a share above 0 and below 1, got 1.0'),
    (
        dict(CLASSES, label_from='(.*)/', class_folders='../*'),
        "class_folders='[.]{2}/[*]' must be a glob below data_root",
    ),
    (dict(LABELS, labels_from=('x', 'y')), 'a/0.png: labels_from=.* makes the image its own label'),
    (dict(LABELS, labels_from=('a', 'b'), classes='a'), "classes must be a list of names, got 'a'"),
    (dict(type='mmvd.NYUv2RawDataset', depth_from=('r', 'd')), 'leave depth_from out'),
]


@pytest.mark.parametrize('settings, match', ROWS, ids=ids(ROWS))
def test_datasets(tmp_path, settings, match):
    (tmp_path / 'a').mkdir()
    cv2.imwrite(str(tmp_path / 'a/0.png'), np.zeros((8, 8, 3), np.uint8))
    np.save(tmp_path / 'a/0.png.npy', np.ones((8, 8), np.float32))
    decoder = {} if 'Raw' in settings['type'] else dict(decoder='npy')
    with pytest.raises(ConfigError, match=match):
        DATASETS.build(dict(settings, data_root=str(tmp_path), **decoder))


def test_transforms_and_hooks():
    with pytest.raises(ConfigError, match='the dataset names no decoder of its depth files: give LoadDepth'):
        TRANSFORMS.build(dict(type='mmvd.LoadDepth'))(dict(img_path='a.png', depth_path='b.png'))
    loader, evaluator = SimpleNamespace(dataset=None), SimpleNamespace(metrics=[])
    runner = SimpleNamespace(val_loop=True, train_dataloader=loader, val_dataloader=loader, val_evaluator=evaluator)
    with pytest.raises(ConfigError, match='reports what mmvd.LinearProbeMetric measures'):
        HOOKS.build(dict(type='mmvd.ProbeReportHook')).before_train(runner)
    with pytest.raises(ConfigError, match='draws what mmvd.BOPPoseMetric judges, which the evaluator has not'):
        HOOKS.build(dict(type='mmvd.PosePanelHook')).before_train(runner)


def test_labels_that_are_to_be_turned(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / 'a.png', exif=exif)
    with pytest.raises(SampleError, match='a.png: its EXIF data turn or mirror it: save it upright'):
        read_labels(str(tmp_path / 'a.png'))


def test_images_that_do_not_fit_into_memory(tmp_path, monkeypatch):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((8, 8, 3), np.uint8))

    def full(*args):
        raise MemoryError

    monkeypatch.setattr(rasters, '_pixels', full)
    with pytest.raises(SampleError, match='a.png: does not fit into memory'):
        read_image(str(tmp_path / 'a.png'))


def test_files_in_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w', zipfile.ZIP_DEFLATED) as file:
        file.writestr('x/1.txt', 'one ' * 99)
    archive = open_archive(tmp_path / 'a.zip')
    assert archive.read('x/1.txt') == b'one ' * 99
    with pytest.raises(FileNotFoundError, match='no x/2.txt in .*a.zip'):
        archive.read('x/2.txt')
    assert not is_file(tmp_path / 'a.zip/x/2.txt') and not is_file('a\0b') and not is_file('a' * 5000)
    with pytest.raises(MissingInputsError, match='t.json: no such list of targets'):
        read_targets(tmp_path / 't.json')


def test_meshes(tmp_path):
    trimesh = pytest.importorskip('trimesh')
    kinds = ''.join(f'property float {axis}\n' for axis in 'xyz')
    faces = 'element face 0\nproperty list uchar int vertex_indices\n'
    head = f'ply\nformat ascii 1.0\nelement vertex 3\n{kinds}{faces}end_header\n'
    (tmp_path / 'a.ply').write_text(f'{head}0 0 0\n1 0 0\n0 1 0\n')
    with pytest.raises(SampleError, match='a.ply: (a mesh without faces|no readable mesh)'):  # by trimesh's version
        load_mesh(tmp_path / 'a.ply')
    pytest.importorskip('embreex')
    inside = MeshRenderer(trimesh.creation.box((400, 400, 200)))  # the camera is in its middle, the wall 100 mm ahead
    K = np.array([[50.0, 0, 20], [0, 50, 15], [0, 0, 1]])
    np.testing.assert_allclose(inside(np.eye(3), np.zeros(3), K, (31, 41)), 100, rtol=1e-5)


def test_status_tells_what_cannot_be_read(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise ConfigError('odd')

    monkeypatch.setattr(preparation, 'missing_inputs', refuse)
    monkeypatch.setattr(preparation, 'missing_of', refuse)
    lines = list(preparation.status())
    assert any('scannet' in line and 'not here' in line and 'odd' in line for line in lines)
    assert any(line.strip().endswith('cannot be read: odd') for line in lines)
    monkeypatch.setattr(preparation, 'missing_of', lambda settings: None)
    monkeypatch.setattr(preparation, 'open_index', refuse)
    assert any(line.split() == ['scannet', 'odd'] for line in preparation.status())
    known = preparation.paper_datasets()
    monkeypatch.setattr(preparation, 'paper_datasets', lambda: known | dict(new={}))
    with pytest.raises(ConfigError, match='datasets.yml: names other datasets than the configs: new'):
        preparation.expectations()


CLASHES = [
    (dict(transformers='4.57.1'), "breaks mmpretrain's models: pip install"),
    ({'opencv-python': '4.9', 'opencv-python-headless': '4.12'}, 'OpenCV is installed in several versions'),
    (dict(mmengine='0.10.7', setuptools='82.0'), 'mmengine 0.10.7 needs pkg_resources'),
]


@pytest.mark.parametrize('versions, match', CLASHES)
def test_doctor_sees_versions_that_clash(monkeypatch, versions, match):
    real = stack._version
    monkeypatch.setattr(stack, '_runs', lambda code: None)
    monkeypatch.setattr(stack, '_version', lambda name: versions.get(name) or real(name))
    assert any(match in clash for clash in inspect_stack().clashes)


def test_doctor_misses_and_mixes(monkeypatch):
    monkeypatch.setattr(stack, '_runs', lambda code: 'no libGL.so.1' if 'cv2' in code else None)
    owners = dict(mmengine='onedl-mmengine', mmseg='mmsegmentation')
    monkeypatch.setattr(stack, '_owner', lambda package, candidates: owners.get(package))
    told = ' '.join(inspect_stack().clashes)
    for part in ('mmcv is missing', 'are mixed: keep one of them', 'OpenCV does not import: no libGL.so.1'):
        assert part in told


COMMANDS = [
    ('demo --index -1', '--index must be a whole number'),
    ('data --rooms 0', '--rooms must be a whole number'),
    ('data --seed -1', '--seed must be a whole number'),
    ('complete none.png --model pretrain_tiny_pde_rooms', 'has no trained weights'),
    ('complete none.png --checkpoint none.pth', 'none.pth: a checkpoint needs its config'),
    ('complete none.png --model no_such_model', 'no such config file'),
    ('segment none.png --model m2f_vd_rooms_tiny', 'give the checkpoint'),
    ('classify x --config linear84_vd_rooms --checkpoint x', 'a whole grid of heads'),
    ('features x.png --device gpu', "device='gpu'"),
    ('data rooms folder --size 4 4', 'data rooms: takes no folder, size'),
    ('data status --rooms 3', 'data status: takes no rooms'),
    ('run none.py', 'none.py: no such script'),
    ('data bop', 'data bop: give the folder where the dataset goes'),
    ('data bop x --frames 1 0 1', '--frames must be a whole number'),
    ('data bop x --field-deg 90 60', '--field-deg must be two angles from 10 to 120'),
]


@pytest.mark.parametrize('words, match', COMMANDS, ids=[row[0] for row in COMMANDS])
def test_commands(words, match, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['mmvd', *words.split()])
    assert main() == 2
    told = capsys.readouterr().err
    assert match in told and len(told.splitlines()) == 1
