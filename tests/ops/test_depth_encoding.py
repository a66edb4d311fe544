"""Positional depth encoding against the paper's lists and a closed form in float64."""

import doctest
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmvd.ops import depth_key, depth_wavelengths, positional_depth_encoding, pyramid_fill

PAPER = json.loads((Path(__file__).parents[1] / 'data' / 'paper_wavelengths.json').read_text())


def closed_form(depth: np.ndarray, channels: int, max_depth: float) -> np.ndarray:
    """Eq. 1 pixel by pixel in float64: (H, W) -> (C, H, W)."""
    out = np.empty((channels, *depth.shape))
    for c in range(channels):
        phase = 2 * math.pi * (depth / max_depth) / 3e-4 ** (2 * (c // 2) / channels)
        out[c] = np.sin(phase) if c % 2 == 0 else np.cos(phase)
    return out


@pytest.mark.parametrize('name', PAPER)
def test_wavelengths_are_the_papers(name):
    channels, max_depth = (int(word.split()[0]) for word in name.split(', '))
    printed = torch.tensor(PAPER[name], dtype=torch.float64)
    assert len(printed) == channels // 2
    tolerance = (
        dict(rtol=6e-6, atol=5e-8) if max_depth == 15 else dict(rtol=0, atol=5.1e-5)
    )  # float32, and the last printed digit
    torch.testing.assert_close(depth_wavelengths(channels, float(max_depth)), printed, **tolerance)


@pytest.mark.parametrize('channels', [2, 16, 32, 64])
@pytest.mark.parametrize('max_depth', [15.0, 500.0])
def test_equals_closed_form(channels, max_depth):
    depth = torch.linspace(0.05, 0.95 * max_depth, 4096, dtype=torch.float64).view(1, 1, 64, 64)
    expected = torch.from_numpy(closed_form(depth[0, 0].numpy(), channels, max_depth))[None]
    assert (positional_depth_encoding(depth, channels, max_depth) - expected).abs().max() < 1e-9
    single = depth.float()
    expected = torch.from_numpy(closed_form(single[0, 0].double().numpy(), channels, max_depth))[None]
    assert (positional_depth_encoding(single, channels, max_depth) - expected).abs().max() < 4e-3


@pytest.mark.parametrize('channels', [16, 32, 64])
def test_decodable_to_a_millimetre(channels):
    """The coarsest pair says where roughly, each finer pair refines.

    The range without aliasing ends at 0.95 max_depth.
    """
    depth = torch.rand(1, 1, 200, 200, dtype=torch.float64) * 14.25
    code = positional_depth_encoding(depth.float(), channels).double()
    waves = depth_wavelengths(channels)
    decoded = torch.zeros_like(depth)
    for i, wave in enumerate(waves):
        part = torch.atan2(code[:, 2 * i : 2 * i + 1], code[:, 2 * i + 1 : 2 * i + 2]) / (2 * math.pi) % 1 * wave
        turns = ((decoded - part) / wave).round() if i else 0
        decoded = part + turns * wave
    assert (decoded - depth).abs().max() < 1e-3


@pytest.mark.parametrize('function', [positional_depth_encoding, pyramid_fill], ids=['encoding', 'fill'])
def test_examples_of_the_docstrings(function):
    found = doctest.testmod(sys.modules[function.__module__])
    assert found.attempted >= 1 and not found.failed


def test_compiled_it_is_the_same():
    depth = torch.rand(2, 1, 9, 7) * 15
    compiled = torch.compile(positional_depth_encoding, fullgraph=True, backend='aot_eager')
    torch.testing.assert_close(compiled(depth), positional_depth_encoding(depth), atol=2e-5, rtol=0)


def test_missing_depth_is_depth_zero():
    depth = torch.tensor([0.0, -1.0, math.nan, math.inf, -math.inf]).view(1, 1, 1, 5)
    code = positional_depth_encoding(depth, 8)
    assert torch.equal(code[:, ::2], torch.zeros(1, 4, 1, 5)) and torch.equal(code[:, 1::2], torch.ones(1, 4, 1, 5))


def test_half_precision_is_upcast_and_autocast_is_an_island():
    depth = torch.full((1, 1, 2, 2), 10.0)
    with torch.autocast('cpu', torch.bfloat16):
        inside = positional_depth_encoding(depth)
    assert inside.dtype == torch.float32 and torch.equal(inside, positional_depth_encoding(depth))
    assert positional_depth_encoding(depth.half()).dtype == torch.float32


def test_per_sample_maximum():
    depth = torch.rand(3, 1, 4, 4, dtype=torch.float64) + 0.1
    top = depth.flatten(1).amax(1)
    code = positional_depth_encoding(depth, 16, top)
    for b in range(3):
        one = positional_depth_encoding(depth[b : b + 1], 16, float(top[b]))
        torch.testing.assert_close(code[b : b + 1], one, rtol=0, atol=1e-9)
    assert torch.isfinite(positional_depth_encoding(torch.zeros(1, 1, 2, 2), 4, torch.zeros(1))).all()


@pytest.mark.parametrize(
    'arguments',
    [
        dict(num_channels=0),
        dict(num_channels=7),
        dict(num_channels=-2),
        dict(max_depth=0.0),
        dict(max_depth=math.inf),
        dict(temperature=1.5),
    ],
)
def test_refuses_nonsense(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        positional_depth_encoding(torch.ones(1, 1, 2, 2), **arguments)


def test_refuses_wrong_shape():
    with pytest.raises(ValueError, match='shape'):
        positional_depth_encoding(torch.ones(2, 2))


@pytest.mark.parametrize('rule, dim, point', [('code', 384, 320), ('code', 768, 640), ('paper', 768, 64)])
def test_depth_key_digits(rule, dim, point):
    key = depth_key(torch.tensor([15.0, 3.25, 104.000001], dtype=torch.float64), dim, rule)
    assert key.shape == (3, dim)
    expected = torch.zeros(3, dim)
    expected[0, point - 2 : point + 6] = torch.tensor([2, 6, 1, 1, 1, 1, 1, 1]) / 10
    expected[1, point - 1 : point + 6] = torch.tensor([4, 3, 6, 1, 1, 1, 1]) / 10
    expected[2, point - 3 : point + 6] = torch.tensor([2, 1, 5, 1, 1, 1, 1, 1, 2]) / 10
    torch.testing.assert_close(key, expected)


def test_depth_key_refuses():
    with pytest.raises(ValueError, match='rule'):
        depth_key(torch.ones(1), 768, 'guess')
    with pytest.raises(ValueError, match='finite'):
        depth_key(torch.tensor([math.nan]), 768)
    with pytest.raises(ValueError, match='fit'):
        depth_key(torch.ones(1), 12)


def test_key_of_a_maximum_below_a_metre():
    expected = torch.zeros(768)
    expected[639:646] = torch.tensor([1, 6, 1, 1, 1, 1, 1]) / 10
    torch.testing.assert_close(depth_key(torch.tensor([0.5, 0.0]), 768)[0], expected)


def test_the_path_of_gradients_is_the_same_encoding():
    depth = torch.rand(2, 1, 5, 7) * 10
    code = positional_depth_encoding(depth.clone().requires_grad_(), 32)
    torch.testing.assert_close(code.detach(), positional_depth_encoding(depth, 32), rtol=0, atol=1e-5)
