"""Datasets with one class per image: lists, folders, held-out parts, odd classes."""

import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmvd.datasets import (
    ImageNetRGBDDataset,
    MVIPDataset,
    NYUv2SceneDataset,
    RGBDClassDataset,
    RGBDDataset,
    SUNRGBDSceneDataset,
)
from mmvd.datasets.cameras import read_camera
from mmvd.datasets.scene_datasets import NYU10, SUN19
from mmvd.errors import ConfigError, MissingInputsError, SampleError
from tests.conftest import ROOT


def write(root, *names) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), np.zeros((4, 6), np.uint16 if 'depth' in name else np.uint8))


def labels(dataset) -> list[int]:
    return [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))]


def test_unknown_scenes_are_dropped_and_counted(tmp_path):
    (tmp_path / 'scenes_train.txt').write_text(
        'a.jpg a.png bedroom\nb.jpg b.png idk\nc.jpg c.png study_space\nd.jpg d.png idk\n'
    )
    dataset = SUNRGBDSceneDataset(str(tmp_path), ann_file='scenes_train.txt')
    assert labels(dataset) == [SUN19.index('bedroom'), SUN19.index('study_space')] and dataset.dropped == {'idk': 2}
    assert len(SUN19) == 19 and SUNRGBDSceneDataset.count_scenes({}) == 19
    other = NYUv2SceneDataset(str(tmp_path), ann_file='scenes_train.txt')
    assert labels(other) == [0, 9, 9, 9] and len(NYU10) == 10 and not other.dropped  # "others" is a class of its own
    assert other.taken_as_others == {'idk': 2, 'study_space': 1}  # told: one of them may be misspelt
    (tmp_path / 'bad.txt').write_text('a.jpg a.png\n')
    with pytest.raises(ConfigError, match='line 1: expected "image depth class"'):
        SUNRGBDSceneDataset(str(tmp_path), ann_file='bad.txt')


def test_held_out_part_is_a_partition(tmp_path):
    (tmp_path / 'l.txt').write_text(''.join(f'{i}.jpg {i}.png bedroom\n' for i in range(500)))
    parts = [SUNRGBDSceneDataset(str(tmp_path), ann_file='l.txt', part=part) for part in ('train', 'holdout')]
    names = [{d.get_data_info(i)['img_path'] for i in range(len(d))} for d in parts]
    assert not names[0] & names[1] and len(names[0] | names[1]) == 500 and 30 < len(names[1]) < 70
    again = SUNRGBDSceneDataset(str(tmp_path), ann_file='l.txt', part='holdout', split='holdout')
    assert {again.get_data_info(i)['img_path'] for i in range(len(again))} == names[1] and again.get_data_info(0)[
        'split'
    ] == 'holdout'
    (tmp_path / 'one.txt').write_text('0.jpg 0.png bedroom\n')
    with pytest.raises(ConfigError, match="none of the 1 samples falls into part='(train|holdout)'"):
        for part in ('train', 'holdout'):
            SUNRGBDSceneDataset(str(tmp_path), ann_file='one.txt', part=part)
    with pytest.raises(ConfigError, match='split must be one of holdout, test'):
        SUNRGBDSceneDataset(str(tmp_path), ann_file='l.txt', split='hold-out')
    with pytest.raises(ConfigError, match='part must be one of'):
        SUNRGBDSceneDataset(str(tmp_path), ann_file='l.txt', part='valid')


def test_class_folders(tmp_path):
    write(
        tmp_path,
        *(f'{split}/{name}/0.JPEG' for split in ('train', 'val') for name in ('n02', 'n01')),
        'train/n01/1.JPEG',
    )
    train, val = (ImageNetRGBDDataset(str(tmp_path), images=f'{split}/*/*.JPEG') for split in ('train', 'val'))
    assert (
        train.metainfo['classes'] == val.metainfo['classes'] == ('n01', 'n02')
        and labels(train) == [0, 0, 1]
        and labels(val) == [0, 1]
    )
    assert train.get_data_info(1)['depth_path'].endswith('train/n01/1_depth.png')


def test_print_colours_are_read_where_the_official_images_have_some(tmp_path):
    ink = np.array([200, 30, 0, 20])  # cyan, magenta, yellow, black
    for name in ('train/n01/0.JPEG', 'train/n02/0.JPEG'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('CMYK', (16, 12), tuple(ink.tolist())).save(tmp_path / name, quality=95)
    load = [dict(type='mmvd.LoadImage')]
    image = ImageNetRGBDDataset(str(tmp_path), images='train/*/*.JPEG', pipeline=load)[0]['img']
    rgb = (255 - ink[:3]) * (255 - ink[3]) / 255
    np.testing.assert_allclose(image, np.broadcast_to(rgb[::-1], (12, 16, 3)), atol=2)
    other = dict(decoder='mm16', images='train/*/*.JPEG', depth_from=('JPEG', 'png'), test_mode=True)
    with pytest.raises(SampleError, match='an image in print colours .CMYK.: convert it to RGB'):
        RGBDDataset(str(tmp_path), **other, pipeline=load)[0]


def test_class_folders_that_do_not_fit(tmp_path):
    write(tmp_path, 'train/n01/0.JPEG', 'train/n02/0.JPEG', 'val/n01/0.JPEG')
    (tmp_path / 'val/n02').mkdir()
    with pytest.raises(ConfigError, match='1 of 2 classes have no images here, first n02'):
        ImageNetRGBDDataset(str(tmp_path), images='val/*/*.JPEG')
    write(tmp_path, 'val/n02/0.JPEG', 'val/n03/0.JPEG')
    with pytest.raises(ConfigError, match='class n03 is not among the 2 classes of the training split'):
        ImageNetRGBDDataset(str(tmp_path), images='val/*/*.JPEG')
    (tmp_path / 'train/n00').mkdir()
    with pytest.raises(ConfigError, match='1 of 3 classes have no images here, first n00'):
        ImageNetRGBDDataset(str(tmp_path), images='train/*/*.JPEG')
    with pytest.raises(MissingInputsError, match='no class folder matches'):
        ImageNetRGBDDataset(str(tmp_path / 'none'), images='val/*/*.JPEG')
    with pytest.raises(ConfigError, match='either label_from, or ann_file'):
        RGBDClassDataset(str(tmp_path), decoder='mm16', classes=['a'])
    (tmp_path / 'l.txt').write_text('a.jpg a.png idk\n')
    with pytest.raises(ConfigError, match='give the names of the classes'):
        RGBDClassDataset(str(tmp_path), decoder='mm16', ann_file='l.txt')
    with pytest.raises(MissingInputsError, match='none of the 1 samples belongs to a class that counts'):
        SUNRGBDSceneDataset(str(tmp_path), ann_file='l.txt')


def test_missing_depth_and_labels_are_named_with_the_command(tmp_path):
    from mmvd.datasets import ADE20KRGBDDataset

    config = dict(data_root=str(tmp_path), split='training')
    write(tmp_path, 'images/training/a.jpg')
    assert 'a_depth.png (no such file, for images/training/a.jpg); made by: ' in str(ADE20KRGBDDataset.missing(config))
    write(tmp_path, 'images/training/a_depth.png')
    assert 'annotations/training/a.png (no such file' in str(ADE20KRGBDDataset.missing(config))
    write(tmp_path, 'annotations/training/a.png')
    assert ADE20KRGBDDataset.missing(config) is None


def test_mvip_views(tmp_path):
    kinds = ('rgb', 'depth', 'rgb_mask_gen', 'hha')
    for part in ('bolt', 'axle'):
        write(
            tmp_path,
            *(
                f'{part}/train_data/0/{rot}/cam_0{cam}/0{cam}_{kind}.png'
                for rot in (0, 90)
                for cam in (1, 2)
                for kind in kinds
            ),
        )
        write(tmp_path, *(f'{part}/test_data/set1/cam_01/01_{kind}.png' for kind in kinds))
        (tmp_path / part / 'meta.json').write_text('{"weight": 4.7}')  # of the class
    for number, view in enumerate(sorted(tmp_path.glob('**/cam_*'))):
        camera = view / f'{view.name[-2:]}_meta.json'
        found = dict(cameraMatrix=[900 + number, 0, 640, 0, 910, 360, 0, 0, 1], DepthScale=0.0010000000474974513)
        found['Intrinsics'] = dict(fx=900 + number, fy=910, ppx=640, ppy=360)
        camera.write_text(json.dumps(found | dict(Camera_Transformation=np.eye(4).flatten().tolist())))
    config = Config.fromfile(ROOT / 'configs/cls/linear84_vd_mvip.py')
    globs = [part.images for part in (config.train_dataloader.dataset, config.val_dataloader.dataset.datasets[1])]
    train, test = (MVIPDataset(str(tmp_path), images=images) for images in globs)
    assert (
        train.metainfo['classes'] == ('axle', 'bolt') and labels(train) == [0] * 4 + [1] * 4 and labels(test) == [0, 1]
    )
    assert test.get_data_info(1)['depth_path'].endswith('bolt/test_data/set1/cam_01/01_depth.png')
    np.testing.assert_array_equal(test.get_data_info(0)['intrinsics'], [[900, 0, 640], [0, 910, 360], [0, 0, 1]])
    assert len({float(train.get_data_info(i)['intrinsics'][0, 0]) for i in range(8)}) == 8  # each view has its own
    for number, content in enumerate(
        ('{}', '[1]', '{"cameraMatrix": {}}', '{"cameraMatrix": [1, 2]}', 'x', f'{{"cameraMatrix": [{10**400}]}}')
    ):
        (tmp_path / f'{number}_meta.json').write_text(content)
        with pytest.raises(ConfigError, match=f'{number}_meta.json: holds no camera matrix of'):
            read_camera(tmp_path / f'{number}_meta.json', 'x_rgb.png')
    odd = dict(hole='9, 0, NaN, 0, 9, 3, 0, 0, 1', turned='9, 0, 6, 0, -9, 3, 0, 0, 1')
    odd.update(skewed='9, 1, 6, 0, 9, 3, 0, 0, 1', stretched='9, 0, 6, 0, 0.9, 3, 0, 0, 1')
    for name, numbers in odd.items():
        (tmp_path / f'{name}_meta.json').write_text(f'{{"cameraMatrix": [{numbers}]}}')
        with pytest.raises(ConfigError, match=f'{name}_meta.json: a camera matrix is fx 0 cx, 0 fy cy, 0 0 1'):
            read_camera(tmp_path / f'{name}_meta.json', 'x_rgb.png')
    told = str(MVIPDataset.missing(dict(data_root=str(tmp_path / 'none'), images=globs[0])))
    assert told.endswith(f'made by: its official archive, unpacked; its folder of classes (sets) is {tmp_path}/none')
