"""No pipeline of a shipped config may move image, depth and labels differently.

Seen on a picture whose pixels hold their own coordinates.
"""

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.registry import TRANSFORMS
from tests.configs.test_configs import CONFIGS, named, pipelines

PHOTOMETRIC = (
    'mmvd.RandomColorJitter',
    'mmvd.RandomGrayscale',
    'mmvd.ThreeAugment',
    'mmvd.AlterDepth',
    'mmvd.RandomDepth',
    'mmvd.RandomDensityMask',
    'mmvd.SparsePoints',
)
PACKING = ('mmvd.PackRGBDInputs', 'mmvd.LoadRoomInstances')
HEIGHT, WIDTH = 120, 160


def coordinates(image: np.ndarray) -> np.ndarray:
    """Depth in metres that belongs to the colours of an image: 2 m and one for the way across, two for the way down."""
    return 2 + image[..., 0].astype(float) / 200 + 2 * image[..., 1].astype(float) / 200


@pytest.fixture(scope='module')
def picture(tmp_path_factory) -> dict:
    """Files and arrays of one sample; blue rises to the right, green downwards, both from 20 to 220."""
    folder = tmp_path_factory.mktemp('picture')
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[..., 0], image[..., 1] = np.linspace(20, 220, WIDTH), np.linspace(20, 220, HEIGHT)[:, None]
    depth_m = coordinates(image)
    labels = (depth_m * 20).astype(np.uint8)
    cv2.imwrite(str(folder / 'image.png'), image)
    cv2.imwrite(str(folder / 'depth.png'), (depth_m * 1000).astype(np.uint16))
    cv2.imwrite(str(folder / 'labels.png'), labels)
    return dict(
        img=image,
        depth=depth_m.astype(np.float32),
        gt_seg_map=labels,
        gt_instance_map=labels.astype(np.int32),
        img_path=str(folder / 'image.png'),
        depth_path=str(folder / 'depth.png'),
        gt_depth_path=str(folder / 'depth.png'),
        decoder='mm16',
        seg_map_path=str(folder / 'labels.png'),
        num_classes=200,
        intrinsics=np.eye(3, dtype=np.float32),
        instances=[],
    )


def moved_apart(pipeline: list[dict], picture: dict) -> str | None:
    """Name of what does not lie on the image after the pipeline, over several draws."""
    pipeline = [inner for step in pipeline for inner in (step['transforms'] if step['type'] == 'Compose' else [step])]
    steps = [TRANSFORMS.build(step) for step in pipeline if step['type'] not in (*PHOTOMETRIC, *PACKING)]
    loads_labels = any(step['type'] == 'mmvd.LoadLabels' for step in pipeline)
    for number in range(6):
        np.random.seed(number)
        results = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in picture.items()}
        fields = ['depth'] if loads_labels else ['depth', 'gt_seg_map', 'gt_instance_map']
        results.update(
            sample_idx=KeyedIndex(0, number, 0),
            seg_fields=[] if loads_labels else fields,
            img_shape=(HEIGHT, WIDTH),
            ori_shape=(HEIGHT, WIDTH),
        )
        for step in steps:
            results = step(results)
        for key, unit in dict(depth=1.0, gt_depth=1.0, gt_seg_map=20.0).items():
            if key in results and not same_place(results['img'], results[key], unit):
                return key
    return None


def same_place(image: np.ndarray, values: np.ndarray, unit: float) -> bool:
    """Whether values tell the same coordinates as the colours; labels of the original resolution are compared there."""
    if values.shape != image.shape[:2]:
        image = cv2.resize(image, values.shape[::-1])
    if unit == 1.0 and values.max() > coordinates(np.full((1, 1, 3), 255)).item():
        return False  # depth from nowhere: padded like a label
    known = (values > 0) & (values < 255) & (image[..., :2].min(-1) >= 18)  # neither padded nor missing
    wrong = np.abs(coordinates(image) - values.astype(float) / unit) > 0.12  # interpolation, rounding of labels
    return known.mean() > 0.2 and wrong[known].mean() < 0.06  # a rim blended with padding


_SEEN = set()


@pytest.mark.parametrize('path', CONFIGS, ids=named)
def test_image_depth_and_labels_move_together(path, picture):
    config = Config.fromfile(path)
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        for pipeline in pipelines(config.get(loader) or {}):
            if repr(pipeline) not in _SEEN:  # many configs share one
                assert moved_apart(pipeline, picture) is None, pipeline
                _SEEN.add(repr(pipeline))


LOADED = [dict(type='LoadImageFromFile'), dict(type='mmvd.LoadDepth'), dict(type='mmvd.LoadLabels')]
FLIP = dict(type='mmvd.RGBDRandomFlip', horizontal=1.0)


@pytest.mark.parametrize(
    'pipeline, what',
    [
        ([LOADED[0], LOADED[2], FLIP, LOADED[1]], 'depth'),
        ([*LOADED[:2], FLIP, LOADED[2]], 'gt_seg_map'),
        ([*LOADED, dict(type='mmseg.RandomRotate', prob=1.0, degree=20)], 'depth'),
        ([*LOADED, FLIP], None),
    ],
)
def test_what_moves_them_apart_is_caught(pipeline, what, picture):
    assert moved_apart(pipeline, picture) == what
