"""A tiny completer, and frames on disk."""

import cv2
import numpy as np
import pytest

from mmvd.apis import DepthCompletionInferencer
from tests.conftest import tiny_model

RGB = np.random.default_rng(0).integers(0, 256, (56, 70, 3), dtype=np.uint8)
DEPTH = np.random.default_rng(1).uniform(1, 4, (56, 70)).astype(np.float32)


@pytest.fixture(scope='module')
def completer():
    return DepthCompletionInferencer(tiny_model())


@pytest.fixture
def frames(tmp_path):
    folder = tmp_path / 'frames'
    folder.mkdir()
    for index in range(4):
        size = (56, 70) if index < 3 else (42, 56)
        cv2.imwrite(str(folder / f'{index}_rgb.png'), RGB[: size[0], : size[1]] + index)
        depth = (DEPTH[: size[0], : size[1]] * 1000).astype(np.uint16)
        cv2.imwrite(str(folder / f'{index}_depth.png'), depth)
    return folder
