"""Poses by a few lines of Python and by the command."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

pytest.importorskip('embreex')

from mmvd.apis import RGBDPoseInferencer  # noqa: E402
from mmvd.apis.pose import read_boxes  # noqa: E402
from mmvd.commands import make_parser  # noqa: E402
from mmvd.datasets.bop_files import read_models_info  # noqa: E402
from mmvd.errors import ConfigError, MissingInputsError, SampleError  # noqa: E402
from mmvd.registry import MODELS  # noqa: E402
from tests.apis.test_inferencers import pack_of  # noqa: E402
from tests.conftest import ROOT  # noqa: E402

K = (70.0, 70.0, 40.0, 30.0)
RGB = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
DEPTH = np.full((60, 80), 1.5, np.float32)
BOXES = [
    dict(category_id=3, bbox=[10, 5, 20, 20], score=0.9),
    dict(category_id=9, bbox=[10, 5, 20, 20], score=0.9),
    dict(category_id=1, bbox=[40, 30, 90, 20], score=0.5),
]


@pytest.fixture(scope='module')
def estimator(tmp_path_factory):
    """A packed model of two objects, 1 and 3, at random."""
    config = Config.fromfile(ROOT / 'configs/pose/poet_vd_rooms.py')
    backbone = dict(arch=dict(embed_dims=96, depth=4, num_heads=2), img_size=56, init_cfg=None)
    config.model.backbone.update(backbone)
    config.model.head.update(num_classes=2, embed_dims=96, num_heads=2, feedforward=32, decoder_layers=1)
    model = MODELS.build(config.model)
    model.init_weights()
    meta = dict(classes=('obj_000001', 'obj_000003'), obj_ids=(1, 3))
    return pack_of(model, config, tmp_path_factory.mktemp('pose'), meta)


def test_poses(estimator, tmp_path):
    run = RGBDPoseInferencer(estimator, device='cpu', intrinsics=K, boxes=BOXES)
    result = run((RGB, DEPTH), out_dir=tmp_path, return_vis=True)
    (found,) = result['predictions']
    assert found['obj_ids'].tolist() == [3, 1] and found['rotations'].shape == (2, 3, 3)
    np.testing.assert_allclose(found['rotations'] @ found['rotations'].transpose(0, 2, 1), [np.eye(3)] * 2, atol=1e-5)
    assert (found['translations_mm'][:, 2] > 100).all()
    np.testing.assert_allclose(found['bboxes'], [[10, 5, 30, 25], [40, 30, 80, 50]])
    rows = json.loads((tmp_path / '00000000_poses.json').read_text())
    np.testing.assert_allclose(rows[0]['cam_t_m2c'], found['translations_mm'][0])
    assert rows[1]['obj_id'] == 1 and cv2.imread(str(tmp_path / '00000000_panel.png')).std() > 1
    (other,) = RGBDPoseInferencer(estimator, device='cpu', intrinsics=(140.0, 140.0, 40.0, 30.0), boxes=BOXES)(
        (RGB, DEPTH)
    )['predictions']
    np.testing.assert_allclose(other['translations_mm'][:, 2], found['translations_mm'][:, 2], rtol=1e-4)
    assert not np.allclose(other['translations_mm'][:, 0], found['translations_mm'][:, 0])  # the camera counts


@pytest.mark.parametrize('broken', ['nan', 'reflection'])
def test_estimates_that_are_no_poses_are_left_out_and_counted(estimator, tmp_path, monkeypatch, broken):
    run = RGBDPoseInferencer(estimator, device='cpu', intrinsics=K, boxes=BOXES)
    predict = run.model._predict

    def break_one(rotations, translations, samples):
        if broken == 'nan':
            translations[0, 0, 2] = torch.nan
        else:
            rotations[0, 0] *= -1
        return predict(rotations, translations, samples)

    monkeypatch.setattr(run.model, '_predict', break_one)
    (found,) = run((RGB, DEPTH), out_dir=tmp_path, return_vis=True)['predictions']
    assert found['obj_ids'].tolist() == [1] and len(found['bboxes']) == 1
    assert found['left_out'] == {'of other objects': 1, 'whose estimate is no pose': 1}
    (row,) = json.loads((tmp_path / '00000000_poses.json').read_text())
    assert row['obj_id'] == 1 and np.isfinite(row['cam_R_m2c']).all()


def test_images_without_boxes_do_not_stop_the_others(estimator, tmp_path, capsys):
    for name in ('a', 'b'):
        cv2.imwrite(str(tmp_path / f'{name}_rgb.png'), RGB)
        cv2.imwrite(str(tmp_path / f'{name}_depth.png'), (1000 * DEPTH).astype(np.uint16))
    rows = [dict(BOXES[0], image='b_rgb.png')]
    run = RGBDPoseInferencer(estimator, device='cpu', intrinsics=K, boxes=rows)
    pairs = [(tmp_path / f'{name}_rgb.png', tmp_path / f'{name}_depth.png') for name in ('a', 'b')]
    first, second = run(pairs, out_dir=tmp_path / 'out', batch_size=2)['predictions']
    assert not len(first['obj_ids']) and second['obj_ids'].tolist() == [3]
    assert json.loads((tmp_path / 'out/a_rgb_poses.json').read_text()) == []
    (none,) = RGBDPoseInferencer(estimator, device='cpu', intrinsics=K, boxes=BOXES[1:2])((RGB, DEPTH))['predictions']
    assert not len(none['obj_ids']) and none['left_out'] == {'of other objects': 1}


def test_outlines_of_models(estimator, bop_rooms):
    run = RGBDPoseInferencer(estimator, device='cpu', intrinsics=K, boxes=BOXES[:1], models=bop_rooms / 'models')
    frame_picture = run((RGB, DEPTH), return_vis=True)['visualization'][0]
    assert frame_picture.shape == (360, 480, 3)


def test_what_is_missing_is_named(estimator, tmp_path):
    with pytest.raises(ConfigError, match='needs the intrinsics of the camera and boxes'):
        RGBDPoseInferencer(estimator, device='cpu', boxes=BOXES)
    with pytest.raises(MissingInputsError, match='models_info.json'):
        RGBDPoseInferencer(estimator, device='cpu', intrinsics=K, boxes=BOXES, models=tmp_path / 'none')
    with pytest.raises(ConfigError, match='is none of mmvd.PoseEstimator'):
        RGBDPoseInferencer('m2f_vd_rooms', device='cpu', intrinsics=K, boxes=BOXES)
    with pytest.raises(SampleError, match='boxes of 2 scenes'):
        read_boxes([dict(BOXES[0], scene_id=48, image_id=1), dict(BOXES[0], scene_id=49, image_id=1)])
    with pytest.raises(SampleError, match=r'boxes: a/x.png and b/x.png have one name: give boxes of one folder'):
        read_boxes([dict(BOXES[0], image=image) for image in ('a/x.png', 'a/x.png', 'b/x.png')])
    with pytest.raises(MissingInputsError, match='no such file of boxes'):
        read_boxes(tmp_path / 'none.json')
    odd = dict(BOXES[0], category_id=3.7), dict(BOXES[0], category_id=True), dict(BOXES[0], image='')
    odd += dict(BOXES[0], bbox='1234'), dict(BOXES[0], image_id='x')
    for content in ('x', '{"a": 1}', '[{"bbox": [1, 2, 3]}]', '[{"bbox": [1, 2, 3, NaN], "category_id": 1}]', *odd):
        content = content if isinstance(content, str) else json.dumps([content])
        (tmp_path / 'b.json').write_text(content)
        with pytest.raises(SampleError, match='b.json: no '):
            read_boxes(tmp_path / 'b.json')


def test_of_many_boxes_the_best_scored_count(estimator):
    """Detectors leave up to a hundred."""
    boxes = [dict(category_id=3, bbox=[n / 10, 5, 20, 20], score=n / 40) for n in range(40)]
    (found,) = RGBDPoseInferencer(estimator, device='cpu', intrinsics=K, boxes=boxes)((RGB, DEPTH))['predictions']
    assert found['scores'].tolist() == pytest.approx([n / 40 for n in range(39, 9, -1)])
    assert found['left_out'] == {'beyond the best 30': 10}


def test_models_are_read_before_the_network_runs(estimator, bop_rooms, tmp_path):
    shutil.copytree(bop_rooms / 'models', tmp_path / 'models')
    settings = dict(device='cpu', intrinsics=K, boxes=BOXES[:1], models=tmp_path / 'models')
    (tmp_path / 'models/obj_000003.ply').write_bytes(b'')
    with pytest.raises(SampleError, match='obj_000003.ply: no readable mesh'):
        RGBDPoseInferencer(estimator, **settings)
    infos = json.loads((tmp_path / 'models/models_info.json').read_text())
    (tmp_path / 'models/models_info.json').write_text(json.dumps({'1': infos['1'], '2': infos['2']}))
    read_models_info.cache_clear()
    with pytest.raises(ConfigError, match='models: has no object 3, only 1, 2'):
        RGBDPoseInferencer(estimator, **settings)


def test_command(estimator, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / '000007_rgb.png'), RGB)
    cv2.imwrite(str(tmp_path / '000007_depth.png'), (1000 * DEPTH).astype(np.uint16))
    rows = [dict(row, image='000007_rgb') for row in BOXES] + [dict(BOXES[0], image='another')]
    (tmp_path / 'boxes.json').write_text(json.dumps(rows))
    pair = (str(tmp_path / '000007_rgb.png'), str(tmp_path / '000007_depth.png'))
    options = ('--model', str(estimator), '--boxes', str(tmp_path / 'boxes.json'), '--out', str(tmp_path / 'o'))
    args = make_parser().parse_args(['pose', *pair, *options, '--intrinsics', *map(str, K)])
    assert args.run(args) == 0
    told, warned = capsys.readouterr()
    assert 'boxes of images that are not among these: 1, e.g. of another\n' in warned
    assert 'object 3 at ' in told and 'm, left out: 1 of other objects\n' in told
    assert (tmp_path / 'o/000007_rgb_poses.json').is_file()
    args.skip_existing = True
    assert args.run(args) == 0  # boxes of an image that is done already are no surprise
    told, warned = capsys.readouterr()
    assert told.startswith('0 done, 1 there already, results in ') and 'not among these: 1, e.g. of another\n' in warned
