"""The card of the model inside the package: table and verdicts."""

import numpy as np
import pytest

from tests.commands import script
from tools.analysis import model_card
from tools.analysis.model_card import DENSITIES, HOLES, POINTS, SCALES


def rows(network: float = 10.0, nearest: float = 20.0, inpaint: float = 20.0, swapped_rgb: float = 12.0) -> list[dict]:
    values = dict(network=network, nearest=nearest, inpaint=inpaint, swapped_rgb=swapped_rgb)
    return [
        dict(method=method, pattern=point.pattern, value=point.value, median_removed_rmse_mm=value)
        for method, value in values.items()
        for point in POINTS
    ]


RATIOS = np.ones((3, len(SCALES)))


@pytest.mark.parametrize(
    ('changes', 'ratios', 'misses'),
    [
        ({}, RATIOS, 0),
        (dict(nearest=9.0), RATIOS, sum(kept <= 0.1 for kept in DENSITIES) + len(HOLES)),
        (dict(inpaint=9.0), RATIOS, sum(kept <= 0.05 for kept in DENSITIES) + len(HOLES)),
        (dict(swapped_rgb=10.4), RATIOS, sum(kept <= 0.1 for kept in DENSITIES)),
        ({}, RATIOS * 1.06, len(SCALES)),
        ({}, RATIOS * [0.94, 1, 1, 1], 1),
        (dict(network=float('nan')), RATIOS, 2 * len(HOLES) + 3 * 3 + 2),
    ],
)
def test_a_missed_target_is_a_miss(changes, ratios, misses):
    lines = model_card.verdicts(rows(**changes), ratios)
    assert len(lines) == 4 + 4 + 3 + 2 * len(HOLES) + len(SCALES)  # nearest, swapped, inpaint; holes; scales
    assert sum(line.startswith('MISS') for line in lines) == misses
    assert all(line.startswith(('PASS', 'MISS')) for line in lines)


def test_a_set_that_is_missing_is_told_before_the_first(tmp_path):
    done = script('analysis/model_card', '--out', tmp_path, MMVD_TEST_DATA=str(tmp_path / 'none'))
    assert done.returncode == 2 and 'frames_auc.py needs what is not in place' in done.stderr
    assert 'images' not in done.stderr and not list(tmp_path.iterdir())


def test_table_marks_the_best():
    text = model_card.table('rooms', rows(nearest=8.0))
    lines = text.splitlines()
    assert len(lines) == 2 + len(POINTS) and lines[0].startswith('64 unseen rooms')
    assert all('8.0*' in line and '10.0 ' in line for line in lines[2:])
