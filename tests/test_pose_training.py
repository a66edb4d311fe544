"""The pose config of the rooms from training to table, pictures and submission, at a small size."""

import json
import shutil

import cv2
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

pytest.importorskip('embreex')

from mmvd.apis.preflight import check_inputs, missing_inputs  # noqa: E402
from mmvd.errors import ConfigError, MissingInputsError, SampleError  # noqa: E402
from mmvd.evaluation.pose import read_submission  # noqa: E402
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
