"""Scores of poses against boxes of known size, and predictors that look at nothing."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mmvd.datasets.meshes import MeshRenderer
from mmvd.errors import SampleError
from mmvd.evaluation.pose import Estimate, PoseScores, Truth
from mmvd.evaluation.pose.trivial import Seen, class_means, trivial_estimates
from tests.evaluation.test_pose_errors import FAR, turn


def test_a_tenth_of_the_diameter(tmp_path):
    trimesh = pytest.importorskip('trimesh')
    mesh = trimesh.creation.box((60, 80, 173.2))
    mesh.export(tmp_path / 'obj_000001.ply')
    (tmp_path / 'models_info.json').write_text('{"1": {"diameter": 200.0}}')
    K, t, scores = (
        np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]),
        np.array([0.0, 0, 700]),
        PoseScores(tmp_path, with_vsd=False),
    )
    truth = Truth(1, 1, 1, np.eye(3), t, 1.0, K, (480, 640), ())
    found = [scores([Estimate(1, 1, 1, 1.0, np.eye(3), t + [0, 0, d])], [truth])['all']['ADD<0.1d'] for d in (19, 21)]
    assert found == [100, 0]


@pytest.fixture
def models(tmp_path):
    """A box that looks alike after half a turn about its long axis."""
    trimesh = pytest.importorskip('trimesh')
    trimesh.creation.box((60, 80, 173.2)).export(tmp_path / 'obj_000001.ply')
    half = np.diag([-1.0, -1, 1, 1]).ravel().tolist()
    (tmp_path / 'models_info.json').write_text(json.dumps({'1': dict(diameter=200.0, symmetries_discrete=[half])}))
    return tmp_path


K, AHEAD = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), np.array([0.0, 0, 700])


def test_medians_and_counts_of_several_instances(models):
    truths = [Truth(1, 1, 1, np.eye(3), AHEAD + [200 * n, 0, 0], 1.0, K, (480, 640), ()) for n in (-1, 0, 1)]
    found = [
        Estimate(1, 1, 1, 1.0, turn([0, 0, 1], degrees), each.t + [0, 0, mm])
        for each, degrees, mm in zip(truths, (1, 182, 60), (1, 2, 30), strict=True)
    ]
    table = PoseScores(models, with_vsd=False)(found, truths)['all']
    assert (table['median_rotation_deg'], table['median_translation_mm']) == pytest.approx((2, 2))
    assert table['targets'] == 3 and table['missed'] == 0
    assert [PoseScores(models, symmetric=each).symmetric for each in (None, (), [1])] == [(1,), (), (1,)]


def test_tolerance_of_visibility(models):
    """All is hidden by a sheet 20 mm before it, unless the sensor may err by as much."""
    pytest.importorskip('embreex')
    sheet_mm = AHEAD[2] - 173.2 / 2 - 20
    cv2.imwrite(str(models / 'depth.png'), np.full((480, 640), round(10 * sheet_mm), np.uint16))
    truth = Truth(1, 1, 1, np.eye(3), AHEAD, 1.0, K, (480, 640), (str(models / 'depth.png'), 'bop', 0.1))
    exact = Estimate(1, 1, 1, 1.0, np.eye(3), AHEAD)
    for delta_mm, expected in ((15.0, 0), (25.0, 100)):
        assert PoseScores(models, delta_mm=delta_mm)([exact], [truth])['all']['AR_VSD'] == expected
    with pytest.raises(SampleError, match=r'depth is \(480, 640\) where its image is \(240, 320\)'):
        PoseScores(models)([exact], [replace(truth, shape=(240, 320))])


def test_side_by_side_each_has_its_own_scores_and_truth_is_rendered_once(models, monkeypatch):
    pytest.importorskip('embreex')
    cv2.imwrite(str(models / 'depth.png'), np.full((480, 640), 9000, np.uint16))
    depth, drawn, render = (str(models / 'depth.png'), 'bop', 0.1), [], MeshRenderer.__call__
    monkeypatch.setattr(MeshRenderer, '__call__', lambda *args: drawn.append(args) or render(*args))
    truths = [Truth(1, n, 1, np.eye(3), AHEAD + [50 * n, 0, 0], 1.0, K, (480, 640), depth) for n in (1, 2)]
    predictors = {
        name: [Estimate(1, each.im_id, 1, 1.0, np.eye(3), each.t + [mm * each.im_id, 0, 0]) for each in truths]
        for name, mm in (('exact', 0), ('near', 4), ('far', 12))
    }
    tables = PoseScores(models).compare(predictors | dict(none=[]), truths)
    assert len(drawn) == 2 + 2 * 2  # each pose once: of both truths, which one predictor repeats, and of two predictors
    assert tables == {name: PoseScores(models)(predictors.get(name, []), truths) for name in tables}
    exact, near, far, none = (table['all']['AR_VSD'] for table in tables.values())
    assert exact == 100 > near > far > none == 0


def test_trivial_predictors_of_one_object():
    turns = [turn([0, 0, 1], 10), turn([0, 0, 1], 30)]
    instances = [
        dict(obj_id=5, rotation=R.ravel().tolist(), translation_mm=t)
        for R, t in zip(turns, ([0, 0, 800], [40, 0, 1000]), strict=True)
    ]
    means = class_means(instances, {5: 100.0})
    np.testing.assert_allclose(means[5].R, turn([0, 0, 1], 20), atol=1e-9)
    assert means[5].t.tolist() == [20, 0, 900] and means[5].half_mm == 25
    K, box = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), np.array([370.0, 240, 471, 241])
    seen = [Seen(Estimate(1, 1, o, 0.5, np.eye(3), FAR), box, K, d) for o, d in ((5, 600.0), (5, np.nan), (6, 600.0))]
    found = trivial_estimates(seen, [], means)
    assert {name: len(each) for name, each in found.items()} == {
        'class mean': 2,
        'box, mean depth': 2,
        'box, sensor depth': 2,
        'true t, random R': 0,
    }
    assert found['class mean'][0].t.tolist() == [20, 0, 900] and (found['class mean'][0].R == means[5].R).all()
    np.testing.assert_allclose(found['box, mean depth'][0].t, [180, 0, 900])
    np.testing.assert_allclose([each.t for each in found['box, sensor depth']], [[125, 0, 625], [180, 0, 900]])
