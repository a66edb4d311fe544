"""Colours: drawn within their bounds, in any order, and changed as torchvision changes them."""

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as F

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.datasets.transforms import photometric
from mmvd.registry import TRANSFORMS


def test_colour_jitter_reaches_its_bounds_to_both_sides():
    jitter = TRANSFORMS.build(dict(type='mmvd.RandomColorJitter', brightness=0.4, contrast=0, saturation=0, hue=0))
    image = np.full((4, 4, 3), 100, np.uint8)
    found = [jitter(dict(img=image, sample_idx=KeyedIndex(n, 0, 0)))['img'].mean() for n in range(200)]
    assert 59 <= min(found) < 70 and 130 < max(found) <= 141


def test_colours_change_in_any_order(monkeypatch):
    monkeypatch.setattr(photometric, '_STEPS', [lambda img, amount, i=i: [*img, i] for i in range(4)])
    jitter = TRANSFORMS.build(dict(type='mmvd.RandomColorJitter'))
    orders = {tuple(jitter(dict(img=[], sample_idx=KeyedIndex(n, 0, 0)))['img']) for n in range(300)}
    assert len(orders) == 24


NAMES = ('brightness', 'contrast', 'saturation', 'hue')
COLOURS = [
    ('brightness', 1.4),
    ('contrast', 0.6),
    ('saturation', 1.2),
    ('hue', -0.1),
    ('hue', 0.3),
    ('grey', 0),
    ('blur', 0),
]


@pytest.mark.parametrize('name, value', COLOURS)
def test_colours_are_torchvisions_within_a_level_or_ten(monkeypatch, name, value):
    class Drawn:
        def random(self, count):  # of three: the last one, with a sigma of 1.05
            return np.array([0.0, 0.9, 0.5] if count == 3 else [0.5 + value - (name != 'hue')] * 4)

        def permutation(self, count):
            return range(count)

    monkeypatch.setattr(photometric, 'generator_of', lambda *_: Drawn())
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    rgb = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
    if name == 'grey':
        step, theirs = dict(type='mmvd.RandomGrayscale', prob=1.0), F.rgb_to_grayscale(rgb, 3)
        monkeypatch.setattr(Drawn, 'random', lambda self: 0.5)
    elif name == 'blur':
        step, theirs = dict(type='mmvd.ThreeAugment'), F.gaussian_blur(rgb, [9, 9], [1.05, 1.05])
    else:
        limits = {each: 0.5 * (each == name) for each in NAMES}
        step, theirs = dict(type='mmvd.RandomColorJitter', **limits), getattr(F, f'adjust_{name}')(rgb, value)
    found = TRANSFORMS.build(step)(dict(img=image))['img']
    off = np.abs(theirs.permute(1, 2, 0).numpy()[..., ::-1].astype(int) - found)
    assert off.max() <= (10 if name == 'hue' else 1) and off.mean() < 1 and (found != image).any()


def test_blur_is_drawn_from_its_range(monkeypatch):
    sigmas = []
    monkeypatch.setattr(photometric.cv2, 'GaussianBlur', lambda x, size, sigma: sigmas.append(sigma) or x)
    step = TRANSFORMS.build(dict(type='mmvd.ThreeAugment', sigma=(0.5, 2.0)))
    for n in range(300):
        step(dict(img=np.zeros((4, 4, 3), np.uint8), sample_idx=KeyedIndex(n, 0, 0)))
    assert 70 < len(sigmas) < 130 and 0.5 <= min(sigmas) < 0.7 and 1.8 < max(sigmas) <= 2
