"""Pictures: shape, and that the colours mean what they say."""

import cv2
import numpy as np

from mmvd.saving import save_png_atomically
from mmvd.visualization import completion_panel, contact_sheet


def test_panel(tmp_path):
    truth = np.tile(np.linspace(1, 4, 40, dtype=np.float32), (30, 1))
    given = np.stack([truth, np.where(truth > 2, truth, 0)])
    picture = completion_panel(np.zeros((30, 40, 3), np.uint8), given, np.stack([truth, truth + 1]), truth)
    assert picture.ndim == 3 and picture.dtype == np.uint8 and picture.std() > 20
    save_png_atomically(picture, tmp_path / 'a' / 'p.png')
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'a' / 'p.png'))[..., ::-1], picture)


def test_panel_of_nothing():
    empty = np.zeros((30, 40), np.float32)
    assert completion_panel(np.zeros((30, 40, 3), np.uint8), empty[None], empty[None], empty).std() > 0


def test_contact_sheet():
    rgb = np.full((5, 8, 10, 3), 200, np.uint8)
    sheet = contact_sheet(rgb, np.ones((5, 8, 10)), np.zeros((5, 8, 10), int))
    assert sheet.shape == (2 * 3 * 8, 40, 3) and (sheet[:8, :40] == 200).all() and (sheet[24:32, 10:] == 0).all()
