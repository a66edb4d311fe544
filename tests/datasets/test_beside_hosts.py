"""Transforms of the hosts beside ours: what moves or fills image and depth differently is refused."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmvd.apis.data_configs import check_datasets, check_pipelines
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError, SampleError
from mmvd.registry import TRANSFORMS
from tests.datasets.test_moving_together import sample
from tests.datasets.test_transforms import H, W


def told(image: np.ndarray) -> np.ndarray:
    """Depth in metres that belongs to the colours."""
    return (1 + 0.01 * image[..., 0] + 0.005 * image[..., 1]).astype(np.float32)


@pytest.fixture
def of_mmdet(tmp_path) -> dict:
    """A sample as mmdet's loading and ours leave it."""
    pytest.importorskip('mmdet.datasets.transforms')
    y, x = np.mgrid[:H, :W]
    image = np.stack((3 * x, 4 * y, 255 - 3 * x), 2).astype(np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    np.save(tmp_path / 'd.npy', told(image))
    corners = [10, 10, 60, 10, 60, 33, 10, 33]
    instance = dict(bbox=[10, 10, 60, 33], bbox_label=1, ignore_flag=0, mask=[corners])
    crowd = dict(bbox=[0, 0, 9, 9], bbox_label=1, ignore_flag=1, mask=dict(size=[H, W], counts=[H * W]))
    results = dict(img_path=str(tmp_path / 'a.png'), depth_path=str(tmp_path / 'd.npy'), instances=[instance, crowd])
    results['sample_idx'] = KeyedIndex(0, 0, 0)
    for step in (
        dict(type='mmvd.LoadImage'),
        dict(type='mmvd.LoadDepth', decoder='npy'),
        dict(type='mmdet.LoadAnnotations', with_bbox=True, with_mask=True, poly2mask=False),
    ):
        results = TRANSFORMS.build(step)(results)
    return results


def test_a_pipeline_may_begin_with_a_step_of_mmcv():
    """Also where nothing but mmvd was imported, as in a notebook."""
    data = dict(type='mmvd.SyntheticRooms', length=1, pipeline=[dict(type='LoadImageFromFile')])
    code = f'import mmvd; from mmvd.registry import DATASETS; print(len(DATASETS.build({data})))'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout == '1\n', done.stderr


def test_a_flip_of_mmcv_moves_labels_and_not_depth(tmp_path):
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((H, W), 1000, np.uint16))
    data = sample(gt_seg_map=np.zeros((H, W), np.uint8), depth_path=str(tmp_path / 'd.png'))
    loaded = TRANSFORMS.build(dict(type='mmvd.LoadDepth', decoder='mm16'))(data)
    init_default_scope('mmengine')  # of the shipped configs
    pack = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))
    with pytest.raises(SampleError, match='mirrored the image and not its depth'):
        pack(TRANSFORMS.build(dict(type='RandomFlip', prob=1.0))(dict(loaded)))
    pack(TRANSFORMS.build(dict(type='mmseg.RandomFlip', prob=1.0))(dict(loaded, seg_fields=['depth', 'gt_seg_map'])))


@pytest.mark.parametrize('host', ['RandomFlip', 'mmdet.RandomFlip', 'mmpretrain.RandomFlip', 'mmseg.RandomFlip'])
def test_a_flip_of_a_host_beside_ours(tmp_path, host):
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((H, W), 1000, np.uint16))
    steps = [dict(type='mmvd.LoadDepth', decoder='mm16'), dict(type=host, prob=1.0), dict(type='mmvd.RGBDRandomFlip')]
    data = sample(depth_path=str(tmp_path / 'd.png'), gt_seg_map=np.zeros((H, W), np.uint8))
    with pytest.raises(
        SampleError, match='the RandomFlip of a host mirrored the image, which mmvd.RGBDRandomFlip would'
    ):
        for step in steps:
            data = TRANSFORMS.build(step)(data)
    for pipeline in (steps, [steps[0], dict(type='Compose', transforms=steps[:0:-1])]):
        config = Config(dict(train_dataloader=dict(dataset=dict(type='A', pipeline=pipeline))))
        with pytest.raises(ConfigError, match="hides what (mmcv|mmdet|mmseg)'s RandomFlip did: leave the host's out"):
            check_pipelines(config, ('train_dataloader',))
    colour = dict(sample(), depth=None)  # of colour alone there is nothing to hide
    for step in steps[1:]:
        colour = TRANSFORMS.build(step)(colour)
    of_colour = Config(dict(train_dataloader=dict(dataset=dict(type='A', pipeline=steps[1:]))))
    check_pipelines(of_colour, ('train_dataloader',))


@TRANSFORMS.register_module()
class StepsOfAnother(BaseTransform):
    """Holds names of another registry, as the hosts' wrappers of Albumentations do."""

    def __init__(self, transforms: list[dict]):
        self.transforms = transforms

    def transform(self, results: dict) -> dict:
        return results


def test_names_of_another_registry_in_a_wrapper():
    step = dict(type='mmvd.StepsOfAnother', transforms=[dict(type='RandomBrightnessContrast', p=0.2)])
    pipeline = [dict(type='mmvd.LoadDepth', decoder='mm16'), step]
    check_pipelines(
        Config(dict(train_dataloader=dict(dataset=dict(type='A', pipeline=pipeline)))), ('train_dataloader',)
    )


@pytest.mark.parametrize('load', ['mmvd.LoadImage', 'LoadImageFromFile'])
@pytest.mark.parametrize('key', ['depth_path', 'depth_from'])
def test_an_image_that_exif_turns_away_from_depth(tmp_path, load, key):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.new('RGB', (W, H)).save(tmp_path / 'a.jpg', exif=exif)
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((H, W), 1000, np.uint16))
    data = dict(img_path=str(tmp_path / 'a.jpg'), **({key: str(tmp_path / 'a.png')} if key == 'depth_path' else {}))
    depth = dict(type='mmvd.LoadDepth', decoder='mm16', **({key: (r'jpg$', 'png')} if key == 'depth_from' else {}))
    with pytest.raises(SampleError, match='a.jpg: its EXIF data turn or mirror it'):
        TRANSFORMS.build(depth)(TRANSFORMS.build(dict(type=load))(dict(data)))
    TRANSFORMS.build(depth)(TRANSFORMS.build(dict(type='LoadImageFromFile'))(dict(data, depth_of_turned_image=True)))
    TRANSFORMS.build(dict(depth, depth_of_turned_image=True))(TRANSFORMS.build(dict(type='LoadImageFromFile'))(data))


def test_a_resize_after_one_that_stretches(of_mmdet):
    for step in (
        dict(type='mmdet.Resize', scale=(32, 32), keep_ratio=False),
        dict(type='mmvd.RGBDResize', size=(32, 32)),
    ):
        of_mmdet = TRANSFORMS.build(step)(of_mmdet)
    assert of_mmdet['depth'].shape == (32, 32)


@pytest.mark.parametrize(
    'step, is_right',
    [
        (dict(type='mmdet.Resize', scale=(100, 75), keep_ratio=True), True),
        (dict(type='mmdet.RandomCrop', crop_size=(30, 40)), False),
        (dict(type='mmdet.Pad', size=(90, 150)), False),
        (dict(type='mmdet.Rotate', prob=1.0, level=10), False),
        (dict(type='mmdet.ShearX', prob=1.0, level=10), False),
        (dict(type='mmdet.TranslateX', prob=1.0, level=10), False),
    ],
    ids=lambda value: value['type'] if isinstance(value, dict) else '',
)
def test_what_mmdet_moves_alone(of_mmdet, step, is_right):
    """Also where a resize makes image and depth one size again."""
    pack = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))

    def run():
        return pack(TRANSFORMS.build(dict(type='mmvd.RGBDResize', size=(H, W)))(TRANSFORMS.build(step)(of_mmdet)))

    if is_right:
        found = run()
        assert (
            np.abs(told(found['inputs'].numpy().transpose(1, 2, 0).astype(float)) - found['depth'][0].numpy()).max()
            < 0.1
        )
    else:
        np.random.seed(1)
        with pytest.raises(SampleError, match='cut, turned or moved the image and not its|of another aspect ratio'):
            run()


@pytest.mark.parametrize('kind', ['mmdet.CopyPaste', 'mmdet.RandomAffine', 'mmpretrain.RandomResizedCrop'])
def test_what_leaves_no_trace_is_refused_by_name(kind):
    pytest.importorskip(f'{kind.split(".")[0]}.datasets.transforms')
    arguments = dict(scale=56) if 'Crop' in kind else {}
    depth = dict(type='mmvd.LoadDepth', decoder='mm16')
    dataset = dict(type='A', dataset=dict(type='B', pipeline=[depth]), pipeline=[dict(type=kind, **arguments)])
    config = Config(dict(train_dataloader=dict(dataset=dataset)))
    with pytest.raises(ConfigError, match=f'train_dataloader: {kind} moves or mixes the image and not its depth'):
        check_pipelines(config, ('train_dataloader',))
    dataset['dataset']['pipeline'] = []  # of colour alone
    with_other = dict(type='C', datasets=[dict(type='B', pipeline=[depth]), dataset])
    check_pipelines(Config(dict(train_dataloader=dict(dataset=with_other))), ('train_dataloader',))
    check_pipelines(Config(dict(train_dataloader=dict(dataset=dataset))), ('train_dataloader',))


@pytest.mark.parametrize('metres, steps', [(255, []), (127.5, [dict(type='mmvd.AlterDepth', scale=2.0)])])
def test_depth_of_255_metres_that_is_measured(tmp_path, metres, steps):
    np.save(tmp_path / 'd.npy', np.full((H, W), metres, np.float32))
    data = dict(sample(), depth_path=str(tmp_path / 'd.npy'))
    for step in [dict(type='mmvd.LoadDepth', decoder='npy'), *steps, dict(type='mmvd.PackRGBDInputs')]:
        data = TRANSFORMS.build(step)(data)
    assert (data['depth'] == 255).all()


def test_colours_that_a_host_made_float():
    data = dict(sample(), img=np.zeros((H, W, 3), np.float32))
    with pytest.raises(SampleError, match='may have made it so, use mmvd.RandomColorJitter'):
        TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))(data)


def test_crowds_and_tiny_objects_stay(of_mmdet):
    """mmdet gives a crowd no mask; what shrinks to less than a pixel keeps its box, as in mmdet's own resize."""
    shrunk = TRANSFORMS.build(dict(type='mmvd.RGBDResize', size=(6, 8)))(dict(of_mmdet))
    assert shrunk['gt_ignore_flags'].tolist() == [False, True] and len(shrunk['gt_bboxes']) == 2
    mirrored = TRANSFORMS.build(dict(type='mmvd.RGBDRandomFlip', horizontal=1.0))(dict(of_mmdet))
    assert mirrored['gt_ignore_flags'].tolist() == [False, True] and len(mirrored['gt_masks']) == 2
    masks = mirrored['gt_masks'].masks
    assert masks[0].any() and not masks[1].any()


@pytest.mark.parametrize(
    'step',
    [
        dict(type='mmseg.RandomRotate', prob=1.0, degree=20.0),
        dict(type='mmseg.RandomCutOut', prob=1.0, n_holes=3, cutout_shape=(9, 9), seg_fill_in=255),
    ],
)
def test_labels_of_mmseg_in_depth(tmp_path, step):
    np.save(tmp_path / 'd.npy', np.full((H, W), 2, np.float32))
    data = dict(sample(), depth_path=str(tmp_path / 'd.npy'), gt_seg_map=np.zeros((H, W), np.uint8))
    loaded = TRANSFORMS.build(dict(type='mmvd.LoadDepth', decoder='npy'))(data)
    loaded['seg_fields'] = ['depth', 'gt_seg_map']
    with pytest.raises(SampleError, match='filled depth with its label 255'):
        TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))(TRANSFORMS.build(step)(loaded))


OF_MMPRETRAIN = [
    (dict(type='mmpretrain.Translate', magnitude=0.3), 'mmpretrain.Translate'),
    (dict(type='mmpretrain.Rotate', angle=30.0), 'mmpretrain.Rotate'),
    (dict(type='mmpretrain.RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=9), 'mmpretrain.'),
    (dict(type='mmpretrain.AutoAugment', policies='imagenet'), 'mmpretrain.'),
    (dict(type='mmpretrain.RandomCrop', crop_size=56, padding=8), 'mmpretrain.RandomCrop'),
    (dict(type='mmpretrain.RandomCrop', crop_size=56, pad_if_needed=True), 'mmpretrain.RandomCrop'),
    (dict(type='mmpretrain.RandomCrop', crop_size=56), None),
    (dict(type='mmpretrain.RandomCrop', crop_size=56, padding=(0, 0)), None),
    (dict(type='mmpretrain.EfficientNetRandomCrop', scale=56), 'mmpretrain.EfficientNetRandomCrop'),
    (dict(type='mmpretrain.RandomErasing'), None),
    (dict(type='mmpretrain.ColorJitter', brightness=0.3), None),
    (dict(type='mmpretrain.torchvision/RandomHorizontalFlip'), 'torchvision.RandomHorizontalFlip'),
    (dict(type='mmpretrain.torchvision/ColorJitter', brightness=0.3), None),
]


@pytest.mark.parametrize(('step', 'told'), OF_MMPRETRAIN)
def test_what_mmpretrain_moves_without_a_trace_is_refused_by_name(step, told):
    pytest.importorskip('mmpretrain.datasets.transforms')
    pipeline = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth', decoder='mm16'), step]
    data = dict(dataset=dict(type='A', pipeline=pipeline))
    config = Config(dict(default_scope='mmpretrain', train_dataloader=data))
    if told is None:
        return check_pipelines(config, ('train_dataloader',))
    with pytest.raises(ConfigError, match=f'train_dataloader: {told}.* moves or mixes the image and not its depth'):
        check_pipelines(config, ('train_dataloader',))


@pytest.mark.parametrize(('scope', 'kind'), [('mmseg', 'BaseSegDataset'), ('mmpretrain', 'CustomDataset')])
def test_datasets_of_a_host_without_a_prefix(scope, kind):
    pytest.importorskip(f'{scope}.datasets')
    dataset = dict(type=kind, data_root='x', pipeline=[])
    config = Config(dict(default_scope=scope, train_dataloader=dict(dataset=dataset)))
    check_datasets(config, ('train_dataloader',))
    dataset['type'] = 'NoDataset'
    with pytest.raises(ConfigError, match="there is no dataset 'NoDataset'"):
        check_datasets(Config(dict(default_scope=scope, train_dataloader=dict(dataset=dataset))), ('train_dataloader',))
