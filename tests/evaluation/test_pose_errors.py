"""Errors of poses against closed forms."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mmvd.errors import ConfigError, MissingInputsError, SampleError
from mmvd.evaluation.pose import (
    Estimate,
    add,
    adds,
    area_under_curve,
    average_recall,
    match,
    mspd,
    mssd,
    read_submission,
    rotation_error_deg,
    symmetry_transforms,
    write_submission,
)
from mmvd.evaluation.pose.pose_errors import translation_error

ONE = np.eye(3)
K = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
FAR = np.array([50.0, -20, 1000])
BOX = np.stack(np.meshgrid([-30.0, 30], [-40.0, 40], [-86.6, 86.6]), -1).reshape(-1, 3)
THRESHOLDS = [0.05 * k for k in range(1, 11)]
CYLINDER = dict(symmetries_continuous=[dict(axis=[0, 0, 1], offset=[0, 0, 0])])
HALF_TURNS = dict(
    symmetries_discrete=[
        [1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1],
        [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1],
        [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    ]
)


def turn(axis, degrees: float) -> np.ndarray:
    axis = np.asarray(axis, float)
    return Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis)).as_matrix()


def test_the_truth_has_no_error():
    R, symmetries = turn([1, 2, 3], 40), symmetry_transforms({})
    assert add(R, FAR, R, FAR, BOX) == adds(R, FAR, R, FAR, BOX) == mssd(R, FAR, R, FAR, BOX, symmetries) == 0
    assert mspd(R, FAR, R, FAR, BOX, symmetries, K) == 0
    assert area_under_curve([0, 0]) == 100 and average_recall([np.zeros((1, 1))], [1], THRESHOLDS) == 1


def test_a_shift_of_21_mm_of_an_object_of_200_mm():
    shifted, diameter = FAR + [0, 0, 21], np.linalg.norm(np.ptp(BOX, 0))
    assert diameter == pytest.approx(200, abs=0.1)
    assert add(ONE, shifted, ONE, FAR, BOX) == pytest.approx(21)
    assert area_under_curve([21.0]) == pytest.approx(79.0)
    error = mssd(ONE, shifted, ONE, FAR, BOX, symmetry_transforms({})) / 200
    assert error == pytest.approx(0.105)
    assert average_recall([np.array([[error]])], [1], THRESHOLDS) == pytest.approx(0.8)  # exactly 8 of 10


def test_rotations_move_the_farthest_point_along_a_chord():
    for degrees in (1.0, 30.0, 120.0):
        R = turn([0, 0, 1], degrees)
        farthest = np.linalg.norm(BOX[:, :2], axis=1).max()
        expected = 2 * farthest * np.sin(np.radians(degrees) / 2)
        assert mssd(R, FAR, ONE, FAR, BOX, symmetry_transforms({})) == pytest.approx(expected)
        assert rotation_error_deg(R, ONE) == pytest.approx(degrees)
    assert rotation_error_deg(turn([1, 1, 0], 180), ONE) == pytest.approx(180)
    assert rotation_error_deg(turn([1, 1, 0], 1e-5), ONE) == pytest.approx(1e-5)


def test_symmetries_are_forgiven_by_mssd_mspd_and_adds():
    symmetries = symmetry_transforms(HALF_TURNS)
    R, pose = turn([1, 2, 3], 25), symmetries[2]
    equivalent = (R @ pose[:3, :3], R @ pose[:3, 3] + FAR)
    assert len(symmetries) == 4 and mssd(*equivalent, R, FAR, BOX, symmetries) == pytest.approx(0, abs=1e-9)
    assert mspd(*equivalent, R, FAR, BOX, symmetries, K) == pytest.approx(0, abs=1e-9)
    assert adds(*equivalent, R, FAR, BOX) == pytest.approx(0, abs=1e-9) and add(*equivalent, R, FAR, BOX) > 80
    assert rotation_error_deg(equivalent[0], R, symmetries) == pytest.approx(0, abs=1e-6)


def test_steps_of_continuous_symmetries():
    symmetries = symmetry_transforms(CYLINDER)
    assert len(symmetries) == 315 and len(symmetry_transforms(dict(CYLINDER, **HALF_TURNS))) == 315 * 4
    rim = np.array([[100 * np.cos(a), 100 * np.sin(a), z] for a in np.linspace(0, 6.28, 40) for z in (-60, 60)])
    diameter = np.hypot(200, 120)
    half_a_step = turn([0, 0, 1], 360 / 315 / 2)
    assert mssd(half_a_step, FAR, ONE, FAR, rim, symmetries) <= 0.005 * diameter
    off_axis = symmetry_transforms(dict(symmetries_continuous=[dict(axis=[0, 0, 2], offset=[10, 0, 0])]))
    moved = off_axis[100]
    np.testing.assert_allclose(moved[:3, :3] @ [10, 0, 0] + moved[:3, 3], [10, 0, 0], atol=1e-9)  # the axis stays


def test_mspd_is_in_pixels_of_its_image():
    shifted = FAR + [10, 0, 0]
    error = mspd(ONE, shifted, ONE, FAR, BOX, symmetry_transforms({}), K)
    nearest = 1000 + BOX[:, 2].min()
    assert error == pytest.approx(500 * 10 / nearest)
    assert mspd(ONE, -FAR, ONE, FAR, BOX, symmetry_transforms({}), K) == np.inf


@pytest.mark.parametrize('bad', [np.full(3, np.nan), np.array([0, 0, np.inf])])
def test_estimates_that_are_not_finite_are_misses(bad):
    symmetries = symmetry_transforms({})
    for error in (add(ONE, bad, ONE, FAR, BOX), adds(ONE, bad, ONE, FAR, BOX)):
        assert error == np.inf
    assert mssd(ONE, bad, ONE, FAR, BOX, symmetries) == mspd(ONE, bad, ONE, FAR, BOX, symmetries, K) == np.inf
    assert rotation_error_deg(np.full((3, 3), np.nan), ONE) == np.inf


def test_assignment_and_misses():
    errors = np.array([[0.3, 0.1], [0.2, 0.15]])  # the better scored one takes its best truth first
    assert match(errors, 0.5) == [(0, 1), (1, 0)] and match(errors, 0.16) == [(0, 1)]
    assert match(errors[::-1], 0.16) == [(0, 1)] and match(np.zeros((0, 2)), 1) == match(np.zeros((2, 0)), 1) == []
    found, missing = np.zeros((1, 1)), np.zeros((0, 1))
    assert average_recall([found, missing], [1, 1], THRESHOLDS) == 0.5
    two_instances_one_estimate = np.array([[0.0, 0.9]])
    assert average_recall([two_instances_one_estimate], [2], THRESHOLDS) == 0.5
    too_many = np.array([[0.9], [0.0]])  # only as many estimates count as instances are to be found
    assert average_recall([too_many], [1], THRESHOLDS) == 0 and average_recall([too_many[::-1]], [1], THRESHOLDS) == 1
    assert average_recall([np.array([[0.9, 0.0]])], [1], THRESHOLDS) == 0  # and as many truths, the most visible
    assert match(np.array([[0.5]]), 0.5) == [] and np.isnan(average_recall([], [], THRESHOLDS))
    tolerances = np.stack([np.zeros((1, 1)), np.ones((1, 1))], -1)
    assert average_recall([tolerances], [1], THRESHOLDS) == 0.5


def test_area_under_the_curve():
    values = np.random.default_rng(0).gamma(2, 20, 1000)
    exact = area_under_curve(values)
    steps = np.linspace(0, 100, 100_001)
    assert exact == pytest.approx(100 * np.mean([np.mean(values <= s) for s in steps[::100]]), abs=0.1)
    assert area_under_curve(values, rule='posecnn') - exact == pytest.approx(0.05, abs=0.06)
    assert area_under_curve([27.5], rule='posecnn') == 100 and area_under_curve([27.5]) == 72.5
    assert area_under_curve([0.0, np.inf]) == 50 and area_under_curve([np.inf], rule='posecnn') == 0
    assert area_under_curve([25.0], 50.0) == 50 and area_under_curve([25.0, 10.0], 50.0, 'posecnn') == 90
    assert area_under_curve([80.0, 10.0], rule='posecnn') == 95 and area_under_curve([100.0], rule='posecnn') == 100
    for rule in ('exact', 'posecnn'):
        assert area_under_curve([0.0, np.nan], rule=rule) == area_under_curve([0.0, np.inf], rule=rule)
    with pytest.raises(ConfigError, match='rule must be one of exact, posecnn'):
        area_under_curve([1.0], rule='exakt')
    assert np.isnan(area_under_curve([]))


def test_files_of_results(tmp_path):
    R = turn([1, 2, 3], 33)
    first = [Estimate(1, 2, 3, 1 / 3, R, FAR, 0.25), Estimate(1, 3, 4, 1.0, ONE, FAR / 3)]
    write_submission(first, tmp_path / 'a.csv')
    again = read_submission(tmp_path / 'a.csv')
    write_submission(again, tmp_path / 'b.csv')
    content = (tmp_path / 'a.csv').read_bytes()
    assert content == (tmp_path / 'b.csv').read_bytes() and content.startswith(
        b'scene_id,im_id,obj_id,score,R,t,time\n'
    )
    assert len(again) == 2 and (again[0].R == R).all()
    assert [(each.score, each.time) for each in again] == [(1 / 3, 0.25), (1, -1)]
    (tmp_path / 'b.csv').write_bytes(
        b'\xef\xbb\xbf' + content.replace(b'\n', b' \r\n') + b'\n'
    )  # as spreadsheets save it
    assert len(read_submission(tmp_path / 'b.csv')) == 2
    with pytest.raises(MissingInputsError):
        read_submission(tmp_path / 'none.csv')
    row = '1,2,3,0.5,{},1 2 3,-1'
    for text, told in (
        ('scene_id,im_id,obj_id,score,R,t,time1,2,3', 'its first line must be'),
        ('scene_id,im_id,obj_id,score,R,t,time\n1,2\n', 'line 2: not scene_id'),
        (f'scene_id,im_id,obj_id,score,R,t,time\n{row.format("1 0 0 0 1 0 0 0 -1")}\n', 'line 2: .* is a reflection'),
        (f'scene_id,im_id,obj_id,score,R,t,time\n{row.format("1 0 0 0 1 0 0 0 nan")}\n', 'is no rotation'),
        ('scene_id,im_id,obj_id,score,R,t,time\n1,2,3,nan,1 0 0 0 1 0 0 0 1,1 2 3,-1', 'score or t is not finite'),
        ('scene_id,im_id,obj_id,score,R,t,time\n1,2,3,1,1 0 0 0 1 0 0 0 1,1 2 inf,-1', 'score or t is not finite'),
    ):
        (tmp_path / 'c.csv').write_text(text)
        with pytest.raises(SampleError, match=told):
            read_submission(tmp_path / 'c.csv')


def test_symmetries_beside_the_origin_move_the_translation():
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.diag([-1.0, -1, 1]), [20, 0, 0]  # half a turn about an axis beside the origin
    symmetries, R = np.stack([np.eye(4), pose]), turn([1, 2, 3], 25)
    assert translation_error(R, FAR + [3, 4, 0], R, FAR, symmetries) == pytest.approx(5)
    equivalent = (R @ pose[:3, :3], R @ pose[:3, 3] + FAR)
    assert translation_error(*equivalent, R, FAR, symmetries) == pytest.approx(0, abs=1e-9)
