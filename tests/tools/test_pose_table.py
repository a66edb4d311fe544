"""Controls of the table of poses: poses dealt out among the appearances of an object, and what is altered at test."""

import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('embreex')

from mmvd.apis.configs import read_config  # noqa: E402
from mmvd.errors import ConfigError, MissingInputsError, WeightsError  # noqa: E402
from mmvd.registry import DATASETS  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tools.analysis import pose_table  # noqa: E402
from tools.analysis.pose_table import Alter, configured, digest, random_depth, run, shuffled_poses  # noqa: E402


def instances(root) -> list[dict]:
    settings = dict(type='mmvd.BOPPoseDataset', data_root=str(root), split='train', min_visib_fract=0.0, pipeline=[])
    dataset = DATASETS.build(settings)
    return [each for number in range(len(dataset)) for each in dataset.get_data_info(number)['instances']]


def test_shuffled_poses_are_those_of_the_same_objects(bop_rooms, tmp_path):
    true, dealt = instances(bop_rooms), instances(shuffled_poses(bop_rooms, tmp_path / 'shuffled'))
    assert [each['bbox_visib'] for each in true] == [each['bbox_visib'] for each in dealt]
    for obj_id in {each['obj_id'] for each in true}:
        before, after = ([e['translation_mm'] for e in each if e['obj_id'] == obj_id] for each in (true, dealt))
        assert sorted(before) == sorted(after)
    assert [each['translation_mm'] for each in true] != [each['translation_mm'] for each in dealt]


@pytest.mark.parametrize(
    ('kind', 'first'), [('depth missing', 0.0), ('depth of another image', 2.0), ('depth x 1.1', 1.1)]
)
def test_depth_is_altered(kind, first):
    batch = dict(depth=[torch.full((1, 2, 2), value) for value in (1.0, 2.0)])
    Alter(kind).before_test_iter(None, 0, batch)
    np.testing.assert_allclose(batch['depth'][0], first)


def test_controls_are_those_of_their_data_and_encoder(tmp_path, monkeypatch, bop_rooms):
    encoder = tmp_path / 'encoder.pth'
    monkeypatch.setattr(pose_table, 'ROOT', tmp_path)
    monkeypatch.setattr(pose_table, 'read_config', lambda path: read_config(ROOT / path.relative_to(tmp_path)))
    with pytest.raises(WeightsError, match='encoder.pth: no such weights file'):
        random_depth(encoder, tmp_path)
    torch.save(dict(state_dict={'backbone.rgb_stream.x': torch.zeros(1)}), encoder)
    first = random_depth(encoder, tmp_path)
    assert random_depth(encoder, tmp_path) == first
    torch.save(dict(state_dict={'backbone.rgb_stream.x': torch.ones(1)}), encoder)
    other = random_depth(encoder, tmp_path)
    assert other != first and torch.load(other)['state_dict']['backbone.rgb_stream.x'] == 1
    shutil.copytree(bop_rooms, tmp_path / 'rooms')
    before = digest(tmp_path / 'rooms')
    (path,) = (tmp_path / 'rooms/test').glob('*/scene_gt.json')
    path.write_text(path.read_text() + ' ')
    assert digest(tmp_path / 'rooms') != before
    with pytest.raises(MissingInputsError, match='make them by python -m mmvd data bop'):
        digest(tmp_path / 'none')


def test_what_is_missing_is_told_before_the_first_training(tmp_path, monkeypatch, bop_rooms):
    monkeypatch.setenv('MMVD_DATA', str(bop_rooms.parent))
    monkeypatch.setattr(pose_table, 'train_once', lambda *_: pytest.fail('a training was started'))
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')  # where relative paths of weights begin, as for all commands
    args = dict(variants=['RGB alone', 'P3DE'], seeds=[0], work_dir=tmp_path, out=None)
    with pytest.raises(MissingInputsError, match='no such checkpoint.; made by: make pretrain'):
        run(Namespace(**args))
    encoder = Path(read_config(ROOT / 'configs/pose/poet_vd_rooms.py').model.backbone.init_cfg.checkpoint)
    encoder.parent.mkdir(parents=True)
    torch.save(dict(state_dict={'backbone.rgb_stream.x': torch.zeros(1)}), encoder)
    assert Path(configured('random depth stream', 0, tmp_path).model.backbone.init_cfg.checkpoint).is_file()
    with pytest.raises(ConfigError, match='--seeds 0 0: two runs of one seed are the same run'):
        run(Namespace(**dict(args, seeds=[0, 0])))
    with pytest.raises(ConfigError, match='a folder, where a file is to be written'):
        run(Namespace(**dict(args, out=str(tmp_path))))


def test_variants(tmp_path, monkeypatch, bop_rooms):
    monkeypatch.setenv('MMVD_DATA', str(bop_rooms.parent))
    assert configured('RGB alone', 1, tmp_path).model.backbone.out == 'rgb'
    assert configured('P3DE', 2, tmp_path).model.backbone.depth_encoding.type == 'mmvd.PositionalPointEncoding'
    assert configured('loss without symmetries', 0, tmp_path).model.head.loss.models is None
    assert 'shuffled' in configured('shuffled poses', 0, tmp_path).train_dataloader.dataset.data_root
