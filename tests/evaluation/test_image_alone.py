"""An image is judged as if it were alone: what vanishes from it does not depend on how large its neighbours are."""

import pytest
import torch

from mmvd.evaluation.completion_curves import DepthChange, completion_curves, scale_ratios
from tests.conftest import raw_batch, tiny_completer

SIZES = ((56, 70), (70, 56), (84, 84))
POINTS = [DepthChange('density', pattern, kept=0.2) for pattern in ('pixel', 'perlin', 'sensor_holes')]
POINTS += [DepthChange('noise', noise_m=0.05)]


def batches(count: int) -> list[dict]:
    """Images of several sizes, so many at a time."""
    alone = [raw_batch(1, *size, first_key=key) for key, size in enumerate(SIZES)]
    parts = [alone[start : start + count] for start in range(0, len(alone), count)]
    return [{key: [each[key][0] for each in part] for key in part[0]} for part in parts]


@pytest.fixture(scope='module')
def completer():
    torch.manual_seed(0)
    return tiny_completer(test_cfg=dict(kept_densities=[0.2, 0.7], pattern='perlin', probe_density=0.5)).eval()


def test_curves(completer):
    one, three = (
        completion_curves(completer, batches(count), POINTS, ('nearest', 'guided'), ('keep_input',)) for count in (1, 3)
    )
    for alone, together in zip(one, three, strict=True):
        assert together == pytest.approx(alone, rel=1e-5), alone['method']
    ratios = [torch.from_numpy(scale_ratios(completer, batches(count), (0.5, 2.0))) for count in (1, 3)]
    torch.testing.assert_close(ratios[1], ratios[0])


def test_the_sweep(completer):
    found = []
    for count in (1, 3):
        found.append([])
        for data in batches(count):
            with torch.no_grad():
                found[-1] += completer(**completer.data_preprocessor(data, False), mode='predict')
    for alone, together, size in zip(*found, SIZES, strict=True):
        for name in ('input_depth', 'input_probe'):
            assert getattr(together, name).shape[-2:] == size
            assert torch.equal(getattr(together, name), getattr(alone, name))
