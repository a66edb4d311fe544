"""Controls of the table of poses: poses dealt out among the appearances of an object, and what is altered at test."""

import numpy as np
import pytest
import torch

pytest.importorskip('embreex')

from mmvd.registry import DATASETS  # noqa: E402
from tools.analysis.pose_table import Alter, configured, shuffled_poses  # noqa: E402


def instances(root) -> list[dict]:
    settings = dict(type='mmvd.BOPPoseDataset', data_root=str(root), split='train', min_visib_fract=0.0, pipeline=[])
    dataset = DATASETS.build(settings)
    return [each for number in range(len(dataset)) for each in dataset.get_data_info(number)['instances']]


def test_shuffled_poses_are_those_of_the_same_objects(bop_rooms, tmp_path):
    true, dealt = instances(bop_rooms), instances(shuffled_poses(bop_rooms, tmp_path))
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


def test_variants(tmp_path, monkeypatch, bop_rooms):
    monkeypatch.setenv('MMVD_DATA', str(bop_rooms.parent))
    assert configured('RGB alone', 1, tmp_path).model.backbone.out == 'rgb'
    assert configured('P3DE', 2, tmp_path).model.backbone.depth_encoding.type == 'mmvd.PositionalPointEncoding'
    assert configured('loss without symmetries', 0, tmp_path).model.head.loss.models is None
    assert 'shuffled' in configured('shuffled poses', 0, tmp_path).train_dataloader.dataset.data_root
