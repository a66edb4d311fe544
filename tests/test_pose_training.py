"""The pose config of the rooms from training to table, pictures and submission, at a small size."""

import json
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, InstanceData

pytest.importorskip('embreex')

from mmvd.apis.preflight import check_inputs, missing_inputs  # noqa: E402
from mmvd.engine import PosePanelHook  # noqa: E402
from mmvd.engine.hooks import pose_panel_hook  # noqa: E402
from mmvd.errors import ConfigError, MissingInputsError, SampleError  # noqa: E402
from mmvd.evaluation.pose import read_submission  # noqa: E402
from mmvd.visualization.poses import ESTIMATE, TRUTH  # noqa: E402
from tests.conftest import ROOT, logged  # noqa: E402


def small(bop_rooms, work_dir, monkeypatch, **options) -> Config:
    monkeypatch.setenv('MMVD_DATA', str(bop_rooms.parent))
    config = Config.fromfile(ROOT / 'configs/pose/poet_vd_rooms.py', format_python_code=False)
    config.model.backbone.update(arch=dict(embed_dims=96, depth=4, num_heads=2), img_size=56)
    config.model.backbone.init_cfg = dict(type='Random')
    config.model.head.update(embed_dims=96, num_heads=2, feedforward=32, decoder_layers=2)
    config.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    config.train_dataloader.sampler.samples_per_epoch = 4
    config.merge_from_dict(
        {'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1, 'default_hooks.logger.interval': 1, **options}
    )
    config.test_evaluator.submission = str(work_dir / 'poet_rooms-test.csv')
    config.work_dir = str(work_dir)
    return config


def test_training_table_pictures_and_submission(bop_rooms, tmp_path, monkeypatch):
    config = small(bop_rooms, tmp_path, monkeypatch)
    assert not missing_inputs(config, training=True)
    runner = Runner.from_cfg(config)
    runner.train()
    found = runner.test()
    assert found['pose/targets'] > 3 and found['pose/missed'] == 0 and 0 <= found['pose/AR'] <= 100
    assert len(read_submission(tmp_path / 'poet_rooms-test.csv')) >= found['pose/targets']
    pictures = sorted((tmp_path / 'vis').glob('poses_*.png'))
    assert [path.name for path in pictures] == ['poses_2.png', 'poses_test.png']
    assert [cv2.imread(str(path)).shape for path in pictures] == [(336, 1728, 3), (672, 1728, 3)]  # 2 + 2, 3 + 3 images


def test_heads_of_other_objects_are_told_before_the_start(bop_rooms, tmp_path, monkeypatch):
    config = small(bop_rooms, tmp_path, monkeypatch, **{'model.head.num_classes': 5})
    with pytest.raises(ConfigError, match='BOPPoseDataset has 8 classes, but the head of the model has num_classes=5'):
        check_inputs(config, training=True)


def test_boxes_of_a_detector_are_evaluated(bop_rooms, tmp_path, monkeypatch):
    (tmp_path / 'boxes.json').write_text('[]')
    told = logged(monkeypatch, 'info')
    config = small(bop_rooms, tmp_path, monkeypatch)
    pipeline = config.test_dataloader.dataset.pipeline
    pipeline[2] = dict(type='mmvd.LoadDetectedBoxes', file=str(tmp_path / 'boxes.json'))
    config.test_evaluator.update(reference=None)
    found = Runner.from_cfg(config).test()
    assert found['pose/AR'] == 0 and found['pose/missed'] == found['pose/targets']  # nothing was found
    assert any('left out: none; none at all in 3 images' in line for line in told)


def test_objects_without_a_box_do_not_train_and_are_missed(bop_rooms, tmp_path, monkeypatch):
    shutil.copytree(bop_rooms, tmp_path / 'bop_rooms')
    for path in (tmp_path / 'bop_rooms').glob('t*/*/scene_gt_info.json'):
        frames = json.loads(path.read_bytes())
        seen = next(each for each in frames['0'] if each['visib_fract'] > 0.2)
        seen['bbox_visib'] = [-1] * 4
        path.write_text(json.dumps(frames))
    config = small(tmp_path / 'bop_rooms', tmp_path, monkeypatch)
    config.test_evaluator.update(targets=None, reference=None)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.test()['pose/missed'] == 1


def test_objects_without_a_model_and_data_without_an_object(bop_rooms, tmp_path, monkeypatch):
    config = small(bop_rooms, tmp_path / 'run', monkeypatch)
    shutil.copytree(bop_rooms / 'models', tmp_path / 'models')
    infos = json.loads((tmp_path / 'models/models_info.json').read_text())
    (tmp_path / 'models/models_info.json').write_text(json.dumps({'1': infos['1']}))
    config.model.head.loss.models = str(tmp_path / 'models')
    with pytest.raises(ConfigError, match='models: has no object [2-8], only 1'):
        Runner.from_cfg(config).train()
    shutil.copytree(bop_rooms, tmp_path / 'bop_rooms')
    (path,) = (tmp_path / 'bop_rooms/train').glob('*/scene_gt.json')
    for name in ('scene_gt.json', 'scene_gt_info.json'):
        path.with_name(name).write_text(json.dumps({frame: [] for frame in json.loads(path.read_text())}))
    with pytest.raises(SampleError, match='there is nothing to learn from'):
        Runner.from_cfg(small(tmp_path / 'bop_rooms', tmp_path / 'run', monkeypatch)).train()


def test_missing_data_are_one_message(tmp_path, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    monkeypatch.chdir(tmp_path)  # a checkout that ran `make pretrain` has the encoder
    for name in ('ycbv', 'hb', 'lmo', 'rooms'):
        config = Config.fromfile(ROOT / f'configs/pose/poet_vd_{name}.py')
        missing = list(map(str, missing_inputs(config, training=True)))
        assert any('no such folder' in text and 'python -m mmvd data bop' in text for text in missing)
        assert any(text.startswith('evaluation: ') and 'models_info.json' in text for text in missing)
        assert any('weights' in text or 'epoch_6' in text for text in missing)
        with pytest.raises(MissingInputsError, match='needs what is not in place(.|\n)*What to do'):
            check_inputs(config, training=True)


def judged(number: int, truths: dict, found: dict, boxes: bool = False) -> BaseDataElement:
    """An image of objects 3 and 8: from metres along x to the id, and to the label."""

    def poses(places, **about):
        shifts = torch.tensor([[x, 0, 1] for x in places]).reshape(-1, 3)
        return InstanceData(translations=shifts, rotations=torch.eye(3).expand(len(places), 3, 3), **about)

    about = dict(img_path=f'set/000001/rgb/{number}.png', ori_intrinsics=np.eye(3), obj_ids=(3, 8))
    sample = BaseDataElement(metainfo=dict(about, boxes_annotated=boxes))
    sample.gt_instances = poses(truths, obj_ids=torch.tensor([*truths.values()]))
    sample.pred_instances = poses(found, labels=torch.tensor([*found.values()], dtype=torch.long))
    return sample


def test_estimates_are_drawn_beside_the_nearest_truth_of_their_object():
    truths, found = {0.0: 3, 0.1: 3, 2.0: 8, 3.0: 8}, {0.2: 0, 0.06: 0, 0.01: 1}
    for boxes, places in ((False, [60, 200, 10, None]), (True, [200, 60, 10, None])):  # or in the order of the boxes
        pairs = list(pose_panel_hook._pairs(judged(0, truths, found, boxes)))
        assert [(obj_id, round(t[0], 3)) for obj_id, _, (_, t) in pairs] == [(3, 0), (3, 100), (8, 2000), (8, 3000)]
        assert [pose and round(pose[1][0], 3) for _, pose, _ in pairs] == places


def test_pictures_are_of_the_first_and_of_the_worst(tmp_path, monkeypatch):
    drawn, saved, turned = [], [], np.diag([-1.0, -1, 1, 1])
    monkeypatch.setattr(pose_panel_hook, 'read_image', lambda path: (np.array([[[1, 2, 3]]], np.uint8), None))
    monkeypatch.setattr(pose_panel_hook, 'pose_picture', lambda *about: drawn.append(about))
    monkeypatch.setattr(pose_panel_hook, 'sheet', len)
    monkeypatch.setattr(pose_panel_hook, 'save_png_atomically', lambda *about: saved.append(about))
    about = dict(hull=np.array([[10.0, 0, 0], [-10, 0, 0]]), symmetries=np.stack((np.eye(4), turned)), diameter=200)
    scores = SimpleNamespace(model=lambda obj_id: SimpleNamespace(renderer=f'mesh {obj_id}', **about))
    evaluator = SimpleNamespace(metrics=[SimpleNamespace(), SimpleNamespace(scores=scores)])
    runner = SimpleNamespace(work_dir=str(tmp_path), iter=7, val_evaluator=evaluator, test_evaluator=evaluator)
    batch = [judged(0, {0.0: 3, 1.0: 8}, {0.02: 0, 1.06: 1})]  # in diameters 0.1 and 0.3
    batch[0].pred_instances.rotations = batch[0].pred_instances.rotations @ torch.tensor(turned[:3, :3]).float()
    batch += [judged(n, {0.0: 3}, found) for n, found in enumerate(({0.1: 0}, {}, {0.1: 0}, {0.04: 0}), 1)]
    hook = PosePanelHook(2)
    for mode, outputs in (('val', batch), ('test', batch[3:4])):
        getattr(hook, f'before_{mode}_epoch')(runner)
        getattr(hook, f'after_{mode}_iter')(runner, 0, {}, outputs)
        getattr(hook, f'after_{mode}_epoch')(runner, {})
    assert saved == [(4, tmp_path / 'vis/poses_7.png'), (2, tmp_path / 'vis/poses_test.png')]
    shown = ['0: 0.20', '1: 0.50', '2: 9.00', '1: 0.50', '3: 0.50', '3: 0.50']  # a miss is nine diameters
    assert [title for *_, title in drawn] == [f'000001/{each} of the diameter' for each in shown]
    assert all(rgb.tolist() == [[[3, 2, 1]]] for rgb, *_ in drawn)
    outlines = [[(mesh, round(t[0]), colour) for mesh, _, t, colour in drawn[n][1]] for n in (0, 2)]
    first = [('mesh 3', 0, TRUTH), ('mesh 3', 20, ESTIMATE), ('mesh 8', 1000, TRUTH), ('mesh 8', 1060, ESTIMATE)]
    assert outlines == [first, [('mesh 3', 0, TRUTH)]]
