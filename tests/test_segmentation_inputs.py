"""Odd input of a segmentation run is told before training starts, or counted where that is asked for."""

import struct
import zlib
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmvd.apis.launch import build_runner
from mmvd.datasets import file_checks, threads
from mmvd.datasets.file_checks import check_files
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.datasets.transforms import LoadDepth
from mmvd.datasets.transforms.labels import LoadLabels
from mmvd.errors import DepthFileError, SampleError
from mmvd.registry import DATASETS
from tests import fabricate
from tests.conftest import ROOT
from tests.datasets.test_index import pairs
from tests.test_segmentation import tiny


def test_missing_depth_files_are_an_error_or_counted(tmp_path):
    for name in ('a', 'b'):
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.zeros((56, 56, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f'{name}_label.png'), np.full((56, 56), 3, np.uint8))
    np.save(tmp_path / 'a.npy', np.ones((56, 56), np.float32))
    (tmp_path / 'list.txt').write_text('a.png a.npy a_label.png\nb.png b.npy b_label.png\n')

    def data(**load):
        return dict(
            type='mmvd.RGBDSegDataset',
            data_root=str(tmp_path),
            ann_file='list.txt',
            decoder='npy',
            label_set='rooms',
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='mmvd.LoadDepth', **load),
                dict(type='mmvd.LoadLabels'),
                dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs')),
            ],
        )

    config = tiny(tmp_path / 'run')
    config.train_dataloader.dataset = data()
    runner = build_runner(config, training=True)
    with pytest.raises(DepthFileError, match='b.npy: no such depth file'):
        runner.train()
    assert runner.iter == 0  # before training starts
    config.train_dataloader.dataset = config.val_dataloader.dataset = data(allow_missing_depth=True)
    runner = build_runner(config, training=True)
    runner.train()
    count = runner.message_hub.get_scalar
    assert (
        count('train/samples_without_depth').current() == 2 and count('val/samples_without_depth').current() == 1
    )  # epochs of four, of two


def test_images_without_a_depth_sensor_pass_the_first_message(tmp_path, monkeypatch):
    fabricate.fabricate_ade20k(tmp_path / 'ade/ADEChallengeData2016')
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    settings = Config.fromfile(ROOT / 'configs/seg/m2f_vd_ade20k.py').train_dataloader.dataset
    kind = DATASETS.get(settings.type)
    assert '_depth.png (no such file' in str(kind.missing(settings))
    assert f'predict_depth.py {tmp_path}/ade/ADEChallengeData2016 --model MODEL' in str(kind.missing(settings))
    next(step for step in settings.pipeline if step.type == 'mmvd.LoadDepth').allow_missing_depth = True
    assert kind.missing(settings) is None
    sample = DATASETS.build(dict(settings, pipeline=settings.pipeline[:3])).prepare_data(KeyedIndex(0, 0, 0))
    assert sample['missing_depth'] and not sample['depth'].any()


@pytest.mark.parametrize('bits', [2, 4])
def test_grey_labels_of_few_bits_are_no_shades(tmp_path, bits):
    labels = np.arange(16, dtype=np.uint8).reshape(4, 4) % 2**bits
    packed = np.packbits(np.unpackbits(labels[..., None], axis=2)[..., -bits:].reshape(4, -1), axis=1)
    rows = b''.join(b'\0' + row.tobytes() for row in packed)
    parts = (b'IHDR', struct.pack('>IIBBBBB', 4, 4, bits, 0, 0, 0, 0)), (b'IDAT', zlib.compress(rows)), (b'IEND', b'')
    chunks = (
        struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data)) for name, data in parts
    )
    (tmp_path / 'label.png').write_bytes(b'\x89PNG\r\n\x1a\n' + b''.join(chunks))
    results = LoadLabels()(dict(seg_map_path=str(tmp_path / 'label.png'), num_classes=16, ori_shape=(4, 4)))
    assert (results['gt_seg_map'] == labels).all()


@pytest.mark.parametrize('bits, mode', [(1, '1'), (8, 'P'), (16, 'I;16')])
def test_label_maps_are_read_by_index_whatever_their_format(tmp_path, bits, mode):
    labels = np.eye(4, dtype=np.uint8)
    image = (
        Image.fromarray(labels.astype(np.uint16)) if bits == 16 else Image.fromarray(labels * (255 if bits == 1 else 1))
    )
    if mode == 'P':
        image.putpalette([200, 100, 50, 1, 2, 3])
    (image.convert('1') if bits == 1 else image).save(tmp_path / 'label.png')
    results = LoadLabels()(dict(seg_map_path=str(tmp_path / 'label.png'), num_classes=2, ori_shape=(4, 4)))
    assert Image.open(tmp_path / 'label.png').mode == mode and (results['gt_seg_map'] == labels).all()


def sixty_samples(folder, suffix: str = 'png') -> str:
    """Image, depth and label of sixty samples of 56 x 56; the text of their list."""
    names = [f'b{i:02d}' for i in range(60)]
    for name in names:
        cv2.imwrite(str(folder / f'{name}.jpg'), np.zeros((56, 56, 3), np.uint8))
        cv2.imwrite(str(folder / f'{name}_label.png'), np.full((56, 56), 3, np.uint8))
        if suffix == 'png':
            cv2.imwrite(str(folder / f'{name}_depth.png'), np.full((56, 56), 1500, np.uint16))
        else:
            np.save(folder / f'{name}_depth.npy', np.full((56, 56), 1.5, np.float32))
    return ''.join(f'{name}.jpg {name}_depth.{suffix} {name}_label.png\n' for name in names)


def turn(path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(path).save(path, exif=exif)


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize(
    'suffix, spoil, text',
    [
        (
            'png',
            lambda f: cv2.imwrite(str(f / 'b33_label.png'), np.full((56, 56), 17, np.uint8)),
            'b33_label.png: label 17 is outside the 17 classes',
        ),
        (
            'png',
            lambda f: cv2.imwrite(str(f / 'b33_label.png'), np.zeros((56, 50), np.uint8)),
            'labels are .56, 50. but .*b33.jpg is .56, 56.',
        ),
        (
            'png',
            lambda f: cv2.imwrite(str(f / 'b33_label.png'), np.zeros((56, 56, 3), np.uint8)),
            '3 channels where a label map has one',
        ),
        ('png', lambda f: cut(f / 'b33_label.png'), 'b33_label.png: .*truncated PNG'),
        (
            'png',
            lambda f: cv2.imwrite(str(f / 'b33_depth.png'), np.ones((50, 56), np.uint16)),
            'depth is .50, 56. but .*b33.jpg is .56, 56.',
        ),
        (
            'png',
            lambda f: cv2.imwrite(str(f / 'b33_depth.png'), np.ones((56, 56), np.uint8)),
            'b33_depth.png: a PNG of mode L where 16-bit depth is expected',
        ),
        (
            'png',
            lambda f: cv2.imwrite(str(f / 'b33_depth.png'), np.ones((56, 50), np.uint16)),
            'depth is .56, 50. but .*b33.jpg is .56, 56.',
        ),
        ('png', lambda f: cut(f / 'b33_depth.png'), 'b33_depth.png: .*truncated PNG'),
        (
            'npy',
            lambda f: np.save(f / 'b33_depth.npy', np.ones((50, 56), np.float32)),
            'depth is .50, 56. but .*b33.jpg is .56, 56.',
        ),
        ('npy', lambda f: cut(f / 'b33_depth.npy'), 'b33_depth.npy: not a plain numpy array'),
        ('png', lambda f: turn(f / 'b33.jpg'), 'b33.jpg: its EXIF data turn or mirror it'),
        ('png', lambda f: (f / 'b33.jpg').unlink(), 'b33.jpg: no such image'),
        ('png', lambda f: cut(f / 'b33.jpg'), 'b33.jpg: no readable image'),
    ],
)
def test_odd_files_are_told_before_training_wherever_they_are(tmp_path, suffix, spoil, text):
    """One file of sixty, which is not among those that are read as samples."""
    (tmp_path / 'list.txt').write_text(sixty_samples(tmp_path, suffix))
    spoil(tmp_path)
    dataset = DATASETS.build(
        dict(
            type='mmvd.RGBDSegDataset',
            data_root=str(tmp_path),
            ann_file='list.txt',
            decoder=dict(png='mm16', npy='npy')[suffix],
            label_set='rooms',
            pipeline=[dict(type='LoadImageFromFile'), dict(type='mmvd.LoadDepth'), dict(type='mmvd.LoadLabels')],
        )
    )
    with pytest.raises((SampleError, DepthFileError), match=text):
        check_files(dataset)


def test_each_process_looks_at_its_share_of_all_datasets(tmp_path, monkeypatch):
    settings = pairs(tmp_path)
    dataset = DATASETS.build(dict(type='mmvd.KeyedConcat', datasets=[settings], pipeline=[]))
    monkeypatch.setattr(threads, '_AT_ONCE', 5)
    check_files(dataset)
    cut(Path(dataset.datasets[0].get_data_info(4)['depth_path']))
    with pytest.raises(DepthFileError, match='truncated'):
        check_files(dataset)
    monkeypatch.setattr(file_checks, 'get_world_size', lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(file_checks, 'get_rank', lambda rank=rank: rank)
        with pytest.raises(DepthFileError) if rank == 0 else nullcontext():
            check_files(dataset)


def test_what_the_dataset_and_its_pipeline_say_of_files_counts(tmp_path):
    for name in ('a.jpg', 'turned.jpg'):
        cv2.imwrite(str(tmp_path / name), np.zeros((56, 56, 3), np.uint8))
    turn(tmp_path / 'turned.jpg')
    cv2.imwrite(str(tmp_path / 'depth.png'), np.ones((50, 56), np.uint16))

    def look(image, *loaders, turns_along=False, **about):
        entry = dict(img_path=str(tmp_path / image), decoder='mm16', depth_of_turned_image=turns_along, **about)
        by_key = {key: [each for each in loaders if each.key == key] for key in ('depth', 'gt_depth')}
        file_checks._check_sample(entry, by_key, is_strict=False)

    depth = dict(depth_path=str(tmp_path / 'depth.png'))
    look('a.jpg', resize_image=True, **depth)
    look('a.jpg', LoadDepth(resize_image=True), LoadDepth(decoder='npy', key='gt_depth'), **depth)
    look('turned.jpg', turns_along=True, resize_image=True, **depth)
    for image, about in (('a.jpg', depth), ('turned.jpg', depth), ('turned.jpg', dict(seg_map_path='none.png'))):
        with pytest.raises(SampleError, match='depth is .50, 56. but' if image == 'a.jpg' else 'EXIF data turn'):
            look(image, turns_along=image == 'turned.jpg' and not about.get('depth_path'), **about)
    with pytest.raises(SampleError, match='EXIF data turn'):  # a host's dataset names no depth
        look('turned.jpg', LoadDepth(depth_from=(r'turned\.jpg', 'depth.png')))
    look('turned.jpg', LoadDepth(depth_from=(r'turned\.jpg', 'depth.png'), depth_of_turned_image=True))
    look('turned.jpg', LoadDepth(depth_from=(r'turned\.jpg', 'none.png'), allow_missing_depth=True))
    both = dict(depth, gt_depth_path=depth['depth_path'])  # the image is brought to the size of the first
    look('a.jpg', LoadDepth(resize_image=True), LoadDepth(key='gt_depth'), **both)


def test_images_that_would_be_refused_later_are_refused_at_first(tmp_path):
    (tmp_path / 'pairs.txt').write_text('a.jpg d.png\n')
    cv2.imwrite(str(tmp_path / 'd.png'), np.ones((8, 8), np.uint16))
    data = dict(type='mmvd.RGBDDataset', data_root=str(tmp_path), decoder='mm16', ann_file='pairs.txt')
    for spoil, text in (
        (lambda path: Image.new('CMYK', (8, 8)).save(path), 'print colours'),
        (lambda path: path.write_bytes(cv2.imencode('.png', np.ones((8, 8, 3), np.uint16))[1].tobytes()), '16 bits'),
        (lambda path: Image.new('I;16', (8, 8)).save(path, 'TIFF'), 'mode I;16'),
    ):
        spoil(tmp_path / 'a.jpg')
        strict = DATASETS.build(dict(data, pipeline=[dict(type='Compose', transforms=[dict(type='mmvd.LoadImage')])]))
        with pytest.raises(SampleError, match=text):
            check_files(strict)
        check_files(DATASETS.build(dict(data, pipeline=[dict(type='LoadImageFromFile')])))  # mmcv converts them


def test_labels_of_a_host_are_its_own_and_pipelines_may_be_nested(tmp_path):
    mmseg = pytest.importorskip('mmseg.datasets')
    for part, image in (('img', np.zeros((8, 8, 3), np.uint8)), ('ann', np.full((8, 8), 200, np.uint8))):
        (tmp_path / part).mkdir()
        cv2.imwrite(str(tmp_path / part / 'a.png'), image)
    host = mmseg.BaseSegDataset(
        data_root=str(tmp_path),
        data_prefix=dict(img_path='img', seg_map_path='ann'),
        img_suffix='.png',
        seg_map_suffix='.png',
        metainfo=dict(classes=('a',)),
        pipeline=[],
    )
    check_files(host)
    (tmp_path / 'pairs.txt').write_text('img/a.png none.png\n')
    load = dict(type='mmvd.LoadDepth', allow_missing_depth=True)
    for pipeline in ([load], [dict(type='Compose', transforms=[load])]):
        data = dict(type='mmvd.RGBDDataset', data_root=str(tmp_path), decoder='mm16', ann_file='pairs.txt')
        check_files(DATASETS.build(dict(data, pipeline=pipeline)))
        assert DATASETS.get('mmvd.RGBDDataset').missing(dict(data, pipeline=pipeline)) is None


def test_files_are_looked_at_before_training(tmp_path):
    (tmp_path / 'list.txt').write_text(sixty_samples(tmp_path))
    (tmp_path / 'b33_depth.png').write_bytes(b'')
    config = tiny(tmp_path / 'run')
    config.train_dataloader.dataset = dict(
        type='mmvd.RGBDSegDataset',
        data_root=str(tmp_path),
        ann_file='list.txt',
        decoder='mm16',
        label_set='rooms',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmvd.LoadDepth'),
            dict(type='mmvd.LoadLabels'),
            dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs')),
        ],
    )
    runner = build_runner(config, training=True)
    with pytest.raises(DepthFileError, match='b33_depth.png: no readable depth file'):
        runner.train()
    assert runner.iter == 0
