"""Cameras that depth encodings read: turned, mirrored, cut, guessed and jittered."""

import math

import cv2
import numpy as np
import pytest
import torch

from mmvd import ops
from mmvd.datasets.cameras import tell_of_guess
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.models import DisparityEncoding, PositionalPointEncoding
from mmvd.registry import TRANSFORMS
from tests.conftest import logged
from tests.models.test_depth_encodings import CAMERA, CONFIGS, batch, completer


def test_jitter_of_the_camera():
    encoding = PositionalPointEncoding()
    keys = torch.arange(4000)
    cameras = encoding._jittered(CAMERA.expand(4000, -1, -1), keys)
    fx, fy, cx, cy = (cameras[:, i, j] / CAMERA[i, j] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    for factor, most in ((fx, 0.2), (fy, 0.2), (cx, 0.02), (cy, 0.02)):
        assert factor.min() >= 1 - most - 1e-6 and factor.max() <= 1 + most + 1e-6
        assert abs(factor.mean() - 1) < 0.06 * most and factor.std() == pytest.approx(most / 3**0.5, rel=0.05)
    assert (torch.isclose(fx, fy)).float().mean() == pytest.approx(0.5, abs=0.04)
    points = encoding.channels(torch.full((4000, 1, 2, 2), 2.0), CAMERA.expand(4000, -1, -1), keys)
    alone = (points[:, :2] == 0).flatten(1).all(1)
    assert alone.float().mean() == pytest.approx(0.33, abs=0.03) and (points[:, 2] == 2).all()
    again = encoding.channels(torch.full((1, 1, 2, 2), 2.0), CAMERA[None], keys[7:8])
    torch.testing.assert_close(again[0], points[7])  # of its key alone


@pytest.mark.parametrize('degrees', [0, 30, -77])
def test_a_rotated_image_has_the_points_of_the_upright_one(degrees):
    """K' = A K: a pixel keeps its X, Y and Z in the frame of the camera, wherever the rotation puts it."""
    step = TRANSFORMS.build(dict(type='mmvd.RGBDRandomRotate', max_degrees=180, prob=1.0))
    depth = np.fromfunction(lambda v, u: 2 + 0.01 * u + 0.02 * v, (48, 62)).astype(np.float32)
    sample = dict(img=np.zeros((48, 62, 3), np.uint8), depth=depth, intrinsics=CAMERA.numpy().copy())
    turned = step(dict(sample, sample_idx=KeyedIndex(degrees + 100, 0, 0)))
    matrix = turned['intrinsics'].astype(np.float64) @ np.linalg.inv(CAMERA.numpy().astype(np.float64))
    upright = ops.depth_to_points(torch.from_numpy(depth)[None, None].double(), CAMERA[None])[0].numpy()
    rotated = ops.depth_to_points(
        torch.from_numpy(turned['depth'])[None, None].double(), torch.from_numpy(turned['intrinsics'])[None]
    )[0].numpy()
    for u, v in ((31, 24), (20, 30), (40, 20)):
        x, y, w = matrix @ (u, v, 1)
        column, row = round(x / w), round(y / w)
        back = np.linalg.inv(matrix) @ (column, row, 1)
        near = [round(back[1]), round(back[0])]
        np.testing.assert_allclose(rotated[:, row, column], upright[:, near[0], near[1]], atol=0.06)
    assert cv2.countNonZero(turned['depth']) > 1000


@pytest.mark.parametrize('flips', [(1, 0), (0, 1), (1, 1)])
def test_a_rotated_and_mirrored_image_has_the_points_of_the_upright_one(flips):
    """|X|, |Y| and Z move with their pixels, as maps of them would."""
    depth = np.full((48, 62), 2, np.float32)
    sample = dict(img=np.zeros((48, 62, 3), np.uint8), depth=depth, intrinsics=CAMERA.numpy().copy())
    points = ops.depth_to_points(torch.from_numpy(depth)[None, None].double(), CAMERA[None])[0].abs().numpy()
    maps = [dict(sample, depth=np.ascontiguousarray(each, np.float32) + 1) for each in points]  # 0 is outside
    steps = [
        TRANSFORMS.build(dict(type='mmvd.RGBDRandomRotate', max_degrees=60, prob=1.0)),
        TRANSFORMS.build(dict(type='mmvd.RGBDRandomFlip', horizontal=float(flips[0]), vertical=float(flips[1]))),
    ]
    moved = []
    for each in (sample, *maps):
        each = dict(each, sample_idx=KeyedIndex(3, 0, 0))
        for step in steps:
            each = step(each)
        moved.append(each)
    camera = torch.from_numpy(moved[0]['intrinsics'])[None].double()
    found = ops.depth_to_points(torch.from_numpy(moved[0]['depth'])[None, None].double(), camera)[0].abs().numpy()
    inside = moved[0]['depth'] > 0
    assert inside.sum() > 1000 and abs(camera[0, 0, 1]) > 5
    for axis in range(2):
        np.testing.assert_allclose(found[axis][inside], moved[1 + axis]['depth'][inside] - 1, atol=0.03)


def test_disparity_does_not_turn():
    """A turned camera has its focal length in two numbers."""
    turned = torch.tensor([[math.cos(2), -math.sin(2), 5], [math.sin(2), math.cos(2), 9], [0, 0, 1]]) @ CAMERA
    for camera in (CAMERA, turned):
        assert DisparityEncoding().channels(torch.ones(1, 1, 4, 4), camera[None])[0, 0, 0, 0].item() == pytest.approx(
            0.05 * 61
        )


def test_samples_without_a_camera_are_guessed_and_told_once(monkeypatch):
    tell_of_guess.cache_clear()
    lines = logged(monkeypatch)
    model = completer(CONFIGS['p3de'])
    for _ in range(2):
        inputs = model.data_preprocessor(batch(camera=False), training=False)['inputs']
    expected = ops.depth_to_points(torch.stack(batch()['depth']), ops.guess_camera(56, 70).expand(2, -1, -1))
    torch.testing.assert_close(inputs[:, 3:], expected)
    assert len(lines) == 1 and 'camera is guessed' in lines[0]


def test_a_crop_has_the_camera_of_its_image():
    image = np.zeros((60, 80, 3), np.uint8)
    sample = dict(img=image, depth=np.ones((60, 80), np.float32), img_shape=(60, 80))
    for step in (dict(type='mmvd.GuessIntrinsics'), dict(type='mmvd.RGBDCenterCrop', size=(40, 40))):
        sample = TRANSFORMS.build(step)(sample)
    whole = ops.guess_camera(60, 80).numpy()
    assert sample['intrinsics'][0, 0] == whole[0, 0] == 120
    assert (sample['intrinsics'][:2, 2] == whole[:2, 2] - (20, 10)).all()
    known = TRANSFORMS.build(dict(type='mmvd.GuessIntrinsics'))(dict(img=image, intrinsics=whole * 2))
    assert (known['intrinsics'] == whole * 2).all()


def test_the_guessed_camera():
    assert ops.guess_camera(30, 40).tolist() == [[60, 0, 20], [0, 60, 15], [0, 0, 1]]
