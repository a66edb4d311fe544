"""The metric of 6D pose on rooms: the truth is perfect, equivalents are forgiven, misses cost, protocols are told."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

trimesh = pytest.importorskip('trimesh')
pytest.importorskip('embreex')

from mmvd.datasets.bop_files import read_models_info  # noqa: E402
from mmvd.errors import ConfigError, MissingInputsError, SampleError  # noqa: E402
from mmvd.evaluation import BOPPoseMetric  # noqa: E402
from mmvd.evaluation.bop_pose_metric import _median_mm  # noqa: E402
from mmvd.evaluation.pose import (  # noqa: E402
    Estimate,
    PoseScores,
    Truth,
    read_submission,
    symmetry_transforms,
    write_submission,
)
from mmvd.evaluation.pose.trivial import ClassMeans, Seen, trivial_estimates  # noqa: E402
from mmvd.registry import DATASETS, METRICS  # noqa: E402
from tests.conftest import logged  # noqa: E402

PIPELINE = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.LoadAnnotatedBoxes'),
    dict(type='mmvd.RGBDResize', size=(98, 126)),  # scores are those of the original image
    dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmvd.PackPoseInputs')),
]


def evaluate(root, change=None, keep=lambda number, count: range(count), **settings):
    """Scores of the truth, changed: ``change(R, t, obj_ids, visible)`` gives other rotations and translations (m)."""
    config = dict(type='mmvd.BOPPoseDataset', data_root=str(root), split='test', pipeline=PIPELINE)
    dataset = DATASETS.build(config)
    reference = dict(config, split='train') if settings.get('trivial') else None
    if settings.pop('trivial', False) == 'twice':
        reference = dict(type='mmvd.KeyedConcat', datasets=[reference, dict(reference)], pipeline=PIPELINE)
    targets = settings.pop('targets', str(root / 'test_targets_bop19.json'))
    metric = METRICS.build(
        dict(type='mmvd.BOPPoseMetric', models=str(root / 'models'), reference=reference, targets=targets, **settings)
    )
    for number in range(len(dataset)):
        sample = dataset[number]['data_samples']
        truth, queries = sample.gt_instances, sample.proposals
        R, t = truth.rotations.double(), truth.translations.double()
        if change:
            R, t = change(R, t, truth.obj_ids, truth.visib_fract)
        kept = list(keep(number, len(truth)))
        sample.pred_instances = InstanceData(
            bboxes=queries.bboxes, labels=queries.labels, scores=queries.scores, rotations=R, translations=t
        )[kept]
        metric.process({}, [sample.to_dict()])
    return metric.evaluate(len(dataset))


def test_the_truth_is_perfect(bop_rooms, tmp_path):
    path = tmp_path / 'truth_rooms-test.csv'
    found = evaluate(bop_rooms, submission=str(path))
    shares = ('ADD<0.1d', 'ADD-S<0.1d', 'ADD(-S)<0.1d')
    for key in ('AR', 'AR_VSD', 'AR_MSSD', 'AR_MSPD', 'AUC_ADD', 'AUC_ADD-S', 'AUC_ADD(-S)', *shares):
        assert found[f'pose/{key}'] == pytest.approx(100, abs=1e-4), key
    targets = json.loads((bop_rooms / 'test_targets_bop19.json').read_bytes())
    assert found['pose/missed'] == 0 and found['pose/targets'] == sum(each['inst_count'] for each in targets)
    write_submission(read_submission(path), tmp_path / 'again.csv')
    assert (tmp_path / 'again.csv').read_bytes() == path.read_bytes()


def test_symmetric_equivalents(bop_rooms):
    infos = read_models_info(bop_rooms / 'models')

    def turned(R, t, obj_ids, visible):
        motions = [torch.from_numpy(symmetry_transforms(infos[int(each)])[-1]) for each in obj_ids]
        moved = torch.stack([r @ m[:3, 3] for r, m in zip(R, motions, strict=True)]) / 1000
        return torch.stack([r @ m[:3, :3] for r, m in zip(R, motions, strict=True)]), t + moved

    found = evaluate(bop_rooms, turned)
    assert found['pose/AR_MSSD'] == found['pose/AR_MSPD'] == 100 and found['pose/AR_VSD'] >= 99
    assert found['pose/AUC_ADD'] < 90 and found['pose/AUC_ADD(-S)'] > 97 and found['pose/median_rotation_deg'] < 0.1


def test_misses_and_estimates_that_are_none_cost(bop_rooms):
    whole = evaluate(bop_rooms, with_vsd=False)
    part = evaluate(bop_rooms, keep=lambda number, count: range(1, count), with_vsd=False)
    assert 'pose/AR' not in whole and 0 < part['pose/AR_MSSD'] < 100 and part['pose/missed'] > 0
    share = 1 - part['pose/missed'] / part['pose/targets']
    for key in ('AR_MSSD', 'AR_MSPD', 'AUC_ADD', 'ADD(-S)<0.1d'):
        assert part[f'pose/{key}'] == pytest.approx(100 * share, abs=1e-3), key
    nan = evaluate(bop_rooms, lambda R, t, *_: (R * np.nan, t), with_vsd=False)
    mirrored = evaluate(bop_rooms, lambda R, t, *_: (R * torch.tensor([1.0, 1, -1]), t), with_vsd=False)
    doubled = evaluate(bop_rooms, lambda R, t, *_: (2 * R, t), with_vsd=False)
    for found in (nan, mirrored, doubled):
        assert found['pose/AR_MSSD'] == found['pose/AUC_ADD-S'] == 0 and found['pose/missed'] == found['pose/targets']


def test_what_is_no_pose_takes_no_place_and_the_file_says_the_same(bop_rooms, tmp_path):
    """Neither of a better scored estimate, nor of others by a score that is not a number."""
    dataset = DATASETS.build(
        dict(type='mmvd.BOPPoseDataset', data_root=str(bop_rooms), split='test', pipeline=PIPELINE)
    )
    entry = dataset.get_data_info(0)
    each = max(entry['instances'], key=lambda each: each['visib_fract'])
    R, t = np.reshape(each['rotation'], (3, 3)), np.array(each['translation_mm'])
    ids, K = (entry['scene_id'], entry['image_id'], each['obj_id']), entry['intrinsics'].astype(float)
    truth = Truth(*ids, R, t, 1.0, K, dataset[0]['data_samples'].ori_shape, (entry['depth_path'], 'bop', 1.0))
    scores = PoseScores(bop_rooms / 'models', with_vsd=False)
    far, exact = Estimate(*ids, 0.1, R, t + 300), Estimate(*ids, 0.9, R, t)
    for odd in (Estimate(*ids, np.nan, R, t), Estimate(*ids, 0.99, R, t * np.nan), Estimate(*ids, 0.99, -R, t)):
        table = scores([far, odd, exact], [truth])
        write_submission([far, odd, exact], tmp_path / 'a.csv')
        assert table == scores(read_submission(tmp_path / 'a.csv'), [truth]) and table['all']['AUC_ADD'] == 100
    with pytest.raises(ConfigError, match='has no models of the objects 77'):
        scores([], [replace(truth, obj_id=77)])


def test_flat_meshes_have_scores(tmp_path):
    corners = [[-50, -40, 0], [50, -40, 0], [50, 40, 0], [-50, 40, 0]]
    trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]]).export(tmp_path / 'obj_000001.ply')
    (tmp_path / 'models_info.json').write_text('{"1": {"diameter": 128.06}}')
    t = np.array([0.0, 0, 700])
    truth = Truth(1, 1, 1, np.eye(3), t, 1.0, np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), (480, 640), ())
    found = PoseScores(tmp_path, with_vsd=False)([Estimate(1, 1, 1, 1.0, np.eye(3), t)], [truth])
    assert found['all']['AR_MSSD'] == found['all']['AUC_ADD'] == 100


def test_what_trivial_predictors_get_and_the_protocol_are_told(bop_rooms, monkeypatch):
    told = logged(monkeypatch, 'info')
    found = evaluate(bop_rooms, lambda R, t, *_: (R, t + torch.tensor([0, 0, 0.05])), trivial=True, with_vsd=False)
    assert found['pose/AUC_ADD'] == pytest.approx(50, abs=1e-3)
    assert found['pose/true t, random R/AUC_ADD'] < 40 and 'pose/class mean/AUC_ADD' in found
    again = evaluate(bop_rooms, lambda R, t, *_: (R, t + torch.tensor([0, 0, 0.05])), trivial='twice', with_vsd=False)
    assert again == pytest.approx(found, nan_ok=True)  # the means of a concatenation
    with pytest.raises(ConfigError, match='reference must be the config of a training dataset'):
        METRICS.build(dict(type='mmvd.BOPPoseMetric', models='x', reference=dict(type='mmvd.SyntheticRooms', size=8)))
    report = told[-1]
    for word in (
        'boxes: annotated, visible outline; left out: ',
        'test_targets_bop19.json',
        'ADD-S for 6, 7, 8',
        'exact area up to 100 mm',
        'misses',
    ):
        assert word in report
    for row in ('network, object', 'class mean, all', 'box, mean depth', 'box, sensor depth', 'true t, random R'):
        assert row in report
    evaluate(bop_rooms, symmetric=[8], with_vsd=False, targets=None, min_visib_fract=0.5)
    assert 'ADD-S for 8;' in told[-1] and 'at least 50% visible' in told[-1]


def test_estimates_that_are_none_are_named_and_not_submitted(bop_rooms, tmp_path, monkeypatch):
    told = logged(monkeypatch, 'info')

    def first_is_none(R, t, *_):
        t = t.clone()
        t[0] = np.nan
        return R, t

    evaluate(bop_rooms, first_is_none, with_vsd=False, submission=str(tmp_path / 'a.csv'))
    assert '3 estimates are no pose and left out' in told[-1]
    assert all(np.isfinite(each.t).all() for each in read_submission(tmp_path / 'a.csv'))


def test_pixels_are_those_of_an_image_640_wide_and_ids_count(bop_rooms):
    scores, K = PoseScores(bop_rooms / 'models', with_vsd=False), np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
    R, t = np.eye(3), np.array([0.0, 0, 1000])
    moved, found = t + [30, 0, 0], {}
    for width in (640, 1280):
        truth = Truth(1, 1, 1, R, t, 1.0, K, (480, width), ('none', 'mm16', 1.0))
        found[width] = scores([Estimate(1, 1, 1, 1.0, R, moved)], [truth])['all']['AR_MSPD']
    pixels = 600 * 30 / (1000 + scores.model(1).points[:, 2].min())
    expected = {width: 10 * sum(pixels * 640 / width < limit for limit in range(5, 51, 5)) for width in (640, 1280)}
    assert found == pytest.approx(expected) and found[640] < found[1280] < 100
    truths = [Truth(1, 1, each, R, t + [100 * each, 0, 0], 1.0, K, (480, 640), ('', 'mm16', 1.0)) for each in (1, 2)]
    swapped = [Estimate(1, 1, 3 - each.obj_id, 1.0, each.R, each.t) for each in truths]
    assert scores(swapped, truths)['all']['AUC_ADD'] == 0
    hidden = Truth(1, 1, 1, R, t + [0, 0, 300], 0.05, K, (480, 640), ('', 'mm16', 1.0))
    both = [Estimate(1, 1, 1, each.visib_fract, each.R, each.t) for each in (hidden, truths[0])]
    assert scores(both, truths[:1])['all']['AUC_ADD'] == 100  # the hidden one's estimate displaces none
    drawn = trivial_estimates([], truths, {})['true t, random R']  # which needs no boxes
    assert [tuple(each.t) for each in drawn] == [tuple(each.t) for each in truths]
    right = [Estimate(1, 1, each.obj_id, 1.0, each.R, each.t) for each in truths]
    assert scores(right, truths)['all']['AUC_ADD'] == 100


def test_without_public_truth_there_is_a_submission_alone(bop_rooms, tmp_path):
    shutil.copytree(bop_rooms, tmp_path / 'hb')
    for name in ('scene_gt.json', 'scene_gt_info.json'):
        (tmp_path / 'hb/test/000003' / name).unlink()
    config = dict(type='mmvd.BOPPoseDataset', data_root=str(tmp_path / 'hb'), split='test', pipeline=[])
    with pytest.raises(MissingInputsError, match='scene_gt.json'):
        DATASETS.build(config)
    rows = [dict(image_id=i, scene_id=3, category_id=1, bbox=[20, 20, 30, 30], score=0.5) for i in range(3)]
    (tmp_path / 'boxes.json').write_text(json.dumps(rows))
    pipeline = [*PIPELINE[:2], dict(type='mmvd.LoadDetectedBoxes', file=str(tmp_path / 'boxes.json')), *PIPELINE[3:]]
    dataset = DATASETS.build(dict(config, pipeline=pipeline, test_mode=True))
    metric = METRICS.build(
        dict(type='mmvd.BOPPoseMetric', models=str(bop_rooms / 'models'), submission=str(tmp_path / 'a.csv'))
    )
    for sample in (dataset[i]['data_samples'] for i in range(len(dataset))):
        pose = dict(rotations=torch.eye(3)[None], translations=torch.ones(1, 3))
        sample.pred_instances = InstanceData(**{k: sample.proposals[k] for k in ('bboxes', 'labels', 'scores')}, **pose)
        metric.process({}, [sample.to_dict()])
    assert metric.evaluate(3) == {'pose/estimates': 3} and len(read_submission(tmp_path / 'a.csv')) == 3


def test_what_is_told_before_the_images(bop_rooms, tmp_path):
    settings = dict(type='mmvd.BOPPoseMetric', models=str(tmp_path / 'models'))
    with pytest.raises(ConfigError, match='a folder, where a file is to be written'):
        METRICS.build(dict(settings, submission=str(tmp_path)))
    shutil.copytree(bop_rooms / 'models', tmp_path / 'models')
    (tmp_path / 'models/obj_000002.ply').unlink()
    (missing,) = BOPPoseMetric.missing(settings)
    assert str(missing).startswith(f'{tmp_path}/models/obj_000002.ply (no such file, 1 of 8)')
    with pytest.raises(ConfigError, match='has no models of the objects 31'):  # which PosePanelHook asks for first
        _ = METRICS.build(dict(settings, models=str(bop_rooms / 'models'), symmetric=[8, 31])).scores
    with pytest.raises(ConfigError, match='symmetric must be a whole number'):
        METRICS.build(dict(settings, symmetric=[1.5]))


def test_targets_that_are_not_there(bop_rooms, tmp_path):
    rows = json.loads((bop_rooms / 'test_targets_bop19.json').read_bytes())
    (tmp_path / 't.json').write_text(json.dumps([*rows, dict(scene_id=9, im_id=0, obj_id=1, inst_count=2)]))
    with pytest.raises(ConfigError, match='2 of its targets are none of the objects that were evaluated'):
        evaluate(bop_rooms, targets=str(tmp_path / 't.json'))
    (tmp_path / 'none.json').write_text('[]')
    with pytest.raises(SampleError, match='none.json: an empty list of targets'):
        evaluate(bop_rooms, targets=str(tmp_path / 'none.json'))
    with pytest.raises(ConfigError, match='min_visib_fract'):
        METRICS.build(dict(type='mmvd.BOPPoseMetric', models='x', min_visib_fract=2))


def test_sensor_depth_nearer_than_a_metre():
    depth = np.zeros((10, 10))
    depth[2:5, 3:6] = 0.7
    assert _median_mm(depth, np.array([3.0, 2.0, 6.0, 5.0])) == pytest.approx(700)
    assert _median_mm(depth, np.array([0.0, 0.0, 9.0, 9.0])) == pytest.approx(700)  # missing depth is none
    assert np.isnan(_median_mm(depth, np.array([7.0, 7.0, 9.0, 9.0])))


def test_targets_take_the_most_visible(tmp_path):
    (tmp_path / 't.json').write_text(json.dumps([dict(scene_id=1, im_id=2, obj_id=3, inst_count=1)]))
    metric = METRICS.build(dict(type='mmvd.BOPPoseMetric', models=str(tmp_path), targets=str(tmp_path / 't.json')))
    truths = [Truth(1, 2, 3, np.eye(3), np.array([0.0, 0, 700]), v, np.eye(3), (4, 4), ()) for v in (0.3, 0.9, 0.5)]
    assert [each.visib_fract for each in metric._wanted(truths)] == [0.9]


def test_places_of_the_predictors_that_look_at_boxes():
    K = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
    box, mean = np.array([370.5, 230.5, 390.5, 250.5]), ClassMeans(np.eye(3), np.array([9.0, 9, 800]), 25.0)
    for median_mm, depth_mm in ((700.0, 725), (np.nan, 800)):
        seen = Seen(Estimate(1, 1, 1, 0.5, -np.eye(3), np.zeros(3)), box, K, median_mm)  # around the pixel (380, 240)
        found = trivial_estimates([seen], [], {1: mean})
        for name, place in (
            ('class mean', mean.t),
            ('box, mean depth', [80, 0, 800]),
            ('box, sensor depth', [depth_mm / 10, 0, depth_mm]),
        ):
            np.testing.assert_allclose(found[name][0].t, place, atol=1e-9)
