"""Datasets, mixture and sampler: layouts, even draws, the same for any worker count, new every epoch."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.datasets.walk import walk
from mmvd.engine import EpochSampler
from mmvd.errors import ConfigError, MissingInputsError, SampleError
from mmvd.registry import DATASETS
from tests.conftest import logged

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.RGBDRandomResizedCrop', size=28),
    dict(type='mmvd.RequireDepth', min_valid_pixels=5),
    dict(type='mmvd.RandomDensityMask'),
    dict(type='mmvd.PackRGBDInputs'),
]


def make_pairs(root, count, value=1500, name='{:03d}'):
    for kind in ('rgb', 'depth'):
        (root / kind).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        cv2.imwrite(str(root / 'rgb' / f'{name.format(i)}.png'), np.full((40, 50, 3), i, np.uint8))
        cv2.imwrite(str(root / 'depth' / f'{name.format(i)}.png'), np.full((40, 50), value, np.uint16))


def folder(root, **changes):
    return dict(
        type='mmvd.RGBDDataset',
        data_root=str(root),
        decoder='mm16',
        images='rgb/*.png',
        depth_from=('rgb/', 'depth/'),
        **changes,
    )


def mixture(tmp_path, **changes):
    for name, count in (('a', 2), ('b', 6)):
        make_pairs(tmp_path / name, count)
    config = dict(
        type='mmvd.EvenMixture',
        datasets=dict(a=folder(tmp_path / 'a'), b=folder(tmp_path / 'b')),
        samples_per_epoch=24,
        pipeline=PIPELINE,
    )
    return DATASETS.build({**config, **changes})


def epoch_of(dataset, epoch, workers=0, seed=0):
    sampler = EpochSampler(dataset, shuffle=True, seed=seed)
    sampler.set_epoch(epoch)
    loader = DataLoader(dataset, batch_size=4, sampler=sampler, num_workers=workers, collate_fn=pseudo_collate)
    return [
        (key, mask, image)
        for batch in loader
        for key, mask, image in zip(
            [s.sample_key for s in batch['data_samples']], batch['removed_mask'], batch['inputs'], strict=True
        )
    ]


def test_pipelines_that_load_nothing_are_named(tmp_path):
    make_pairs(tmp_path, 1)
    dataset = DATASETS.build(folder(tmp_path, pipeline=PIPELINE[2:]))
    with pytest.raises(ConfigError, match="nothing in the pipeline loads 'img': begin it with mmvd.LoadImage"):
        dataset[0]


def test_folder_and_list(tmp_path):
    make_pairs(tmp_path, 3)
    (tmp_path / 'train.txt').write_text('rgb/000.png depth/000.png\nrgb/002.png depth/002.png\n')
    full = DATASETS.build(folder(tmp_path, intrinsics=(1, 2, 3, 4)))
    listed = DATASETS.build(
        dict(type='mmvd.RGBDDataset', data_root=str(tmp_path), decoder='mm16', ann_file='train.txt')
    )
    assert len(full) == 3 and len(listed) == 2
    info = full.get_data_info(1)
    assert info['depth_path'].endswith('depth/001.png') and info['intrinsics'].tolist() == [
        [1, 0, 3],
        [0, 2, 4],
        [0, 0, 1],
    ]
    assert listed.get_data_info(1)['img_path'].endswith('rgb/002.png')
    with pytest.raises(ConfigError, match='rgb/000.png: depth_from=.* makes the image its own depth'):
        DATASETS.build(dict(folder(tmp_path), depth_from=('colour/', 'depth/')))
    (tmp_path / 'bad.txt').write_text('rgb/000.png\n')
    with pytest.raises(ConfigError, match='bad.txt, line 1'):
        DATASETS.build(dict(type='mmvd.RGBDDataset', data_root=str(tmp_path), decoder='mm16', ann_file='bad.txt'))


def test_linked_folders_are_told_of_where_they_are_not_followed(tmp_path, monkeypatch):
    make_pairs(tmp_path / 'data/a', 2)
    make_pairs(tmp_path / 'other', 3)
    (tmp_path / 'data/b').symlink_to(tmp_path / 'other')
    (tmp_path / 'data/file.png').symlink_to(tmp_path / 'other/rgb/000.png')
    told, found = logged(monkeypatch), {}
    assert next(walk(tmp_path / 'data', '**/rgb/*.png', None)) and not told  # nor looked for, which takes long
    for images in ('*/rgb/*.png', '**/rgb/*.png'):
        found[images] = len(DATASETS.build(dict(folder(tmp_path / 'data'), images=images)))
    assert found == {'*/rgb/*.png': 5, '**/rgb/*.png': 2}
    assert '** does not follow links: 1 linked folders are left out, e.g. b' in told[0]


def test_dataset_refuses(tmp_path):
    make_pairs(tmp_path, 1)
    with pytest.raises(MissingInputsError, match='no image matches'):
        DATASETS.build(dict(folder(tmp_path), images='nothing/*.png'))
    with pytest.raises(ConfigError, match='decoder'):
        DATASETS.build(dict(folder(tmp_path), decoder='png'))
    with pytest.raises(ConfigError, match='either ann_file or images'):
        DATASETS.build(dict(type='mmvd.RGBDDataset', data_root=str(tmp_path), decoder='mm16'))


def test_bop(tmp_path):
    scene = tmp_path / 'train_real' / '000001'
    make_pairs(scene, 2, value=2000, name='{:06d}')
    camera = {str(i): dict(cam_K=[1, 0, 2, 0, 3, 4, 0, 0, 1], depth_scale=0.1 * (i + 1)) for i in range(2)}
    (scene / 'scene_camera.json').write_text(json.dumps(camera))
    data = DATASETS.build(
        dict(type='mmvd.BOPDataset', data_root=str(tmp_path), split='train_real', pipeline=PIPELINE[:2])
    )
    assert [float(data.prepare_data(i)['depth'][0, 0]) for i in range(2)] == pytest.approx([0.2, 0.4])
    assert data.get_data_info(0)['intrinsics'].tolist() == [[1, 0, 2], [0, 3, 4], [0, 0, 1]]
    del camera['0']['depth_scale']
    for text, error in ((json.dumps(camera), MissingInputsError), ('{"0": ', SampleError)):
        (scene / 'scene_camera.json').write_text(text)
        with pytest.raises(error, match='scene_camera.json(, frame 0)?: no (entry with depth_scale|readable JSON)'):
            DATASETS.build(dict(type='mmvd.BOPDataset', data_root=str(tmp_path), split='train_real'))
    (scene / 'scene_camera.json').unlink()
    with pytest.raises(MissingInputsError, match='scene_camera.json'):
        DATASETS.build(dict(type='mmvd.BOPDataset', data_root=str(tmp_path), split='train_real'))


def test_mixture_draws_evenly_and_only_what_is_asked(tmp_path):
    data = mixture(tmp_path, samples_per_epoch=400)
    names = [data[KeyedIndex(i, 0, 0)]['data_samples'].dataset for i in range(400)]
    assert abs(names.count('a') / 400 - 0.5) < 0.08  # although b is three times as large
    only = mixture(tmp_path, only='b')
    assert only.names == ['b'] and 'removed_mask' in only[KeyedIndex(0, 0, 0)]
    own = dict(a=folder(tmp_path / 'a', pipeline=PIPELINE[:2] + PIPELINE[-1:]))
    assert 'removed_mask' not in mixture(tmp_path, datasets=own)[KeyedIndex(0, 0, 0)]
    with pytest.raises(ConfigError, match='no dataset c'):
        mixture(tmp_path, only=['c'])


def test_same_for_any_worker_count_and_new_every_epoch(tmp_path):
    data = mixture(tmp_path)
    alone, two = epoch_of(data, 0), epoch_of(data, 0, workers=2)
    for (key_a, mask_a, image_a), (key_b, mask_b, image_b) in zip(alone, two, strict=True):
        assert key_a == key_b and torch.equal(mask_a, mask_b) and torch.equal(image_a, image_b)
    keys = [{key for key, _, _ in epoch_of(data, e)} for e in (0, 1)] + [
        {key for key, _, _ in epoch_of(data, 0, seed=1)}
    ]
    assert len(set.union(*keys)) == 72
    masks = [mask.numpy().tobytes() for e in (0, 1) for _, mask, _ in epoch_of(data, e)]
    assert len(set(masks)) == 48


def test_ranks_draw_their_own_samples(tmp_path, monkeypatch):
    data, drawn = mixture(tmp_path), []
    for rank in (0, 1):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, 2))
        drawn.append({index.key for index in EpochSampler(data, shuffle=True, seed=0)})
    assert not drawn[0] & drawn[1] and len(drawn[0] | drawn[1]) == 24


def test_poor_samples_are_redrawn_and_counted(tmp_path):
    make_pairs(tmp_path / 'b', 6)
    cv2.imwrite(str(tmp_path / 'b' / 'depth' / '000.png'), np.zeros((40, 50), np.uint16))
    data = mixture(tmp_path, datasets=dict(b=folder(tmp_path / 'b')))
    for name in ('000', '001', '002'):  # after the pairs were made again
        cv2.imwrite(str(tmp_path / 'b' / 'depth' / f'{name}.png'), np.zeros((40, 50), np.uint16))
    samples = [data[KeyedIndex(i, 0, 0)]['data_samples'] for i in range(24)]
    assert 3 < sum(sample.num_redraws for sample in samples) < 100
    assert all(len(sample.redraw_reasons) == sample.num_redraws for sample in samples)
    for path in (tmp_path / 'b' / 'depth').iterdir():
        cv2.imwrite(str(path), np.zeros((40, 50), np.uint16))
    with pytest.raises(SampleError, match='redrawn 20 times.*b: .*png has 0 pixels'):
        data[KeyedIndex(0, 0, 0)]


@pytest.mark.parametrize('count', [1, 3])
def test_as_many_datasets_as_are_wanted_stand_in_a_row(tmp_path, count):
    for number in range(count):
        make_pairs(tmp_path / str(number), number + 2)
    data = DATASETS.build(
        dict(
            type='mmvd.KeyedConcat',
            datasets=[folder(tmp_path / str(n)) for n in range(count)],
            pipeline=PIPELINE[:2] + PIPELINE[-1:],
        )
    )
    assert len(data) == sum(range(2, count + 2))
    assert data[KeyedIndex(1, 5, 2, 77)]['data_samples'].sample_key == 77  # of a mixture above it
    assert [data[i]['data_samples'].img_path for i in range(len(data))] == [
        str(tmp_path / str(n) / f'rgb/{i:03d}.png') for n in range(count) for i in range(n + 2)
    ]


def test_samples_are_redrawn_as_often_as_is_allowed(tmp_path, monkeypatch):
    data = mixture(tmp_path, max_redraws=2)
    for name in 'ab':
        for path in (tmp_path / name / 'depth').iterdir():
            cv2.imwrite(str(path), np.zeros((40, 50), np.uint16))
    tried = []
    for dataset in data.datasets:
        whole = dataset.prepare_data
        monkeypatch.setattr(dataset, 'prepare_data', lambda index, whole=whole: tried.append(index) or whole(index))
    with pytest.raises(SampleError, match='redrawn 2 times'):
        data[KeyedIndex(0, 0, 0)]
    assert len(tried) == 3


def test_partners_are_as_many_samples_further_on_as_is_asked(tmp_path):
    make_pairs(tmp_path, 4)  # each image holds its number
    inner = folder(tmp_path, pipeline=PIPELINE[:2] + PIPELINE[-1:])
    data = DATASETS.build(dict(type='mmvd.WithPartnerImage', dataset=inner, offset=3))
    for number in range(4):
        sample = data[KeyedIndex(number, 0, 1)]
        images = [int(sample[key].float().mean()) for key in ('inputs', 'partner_inputs')]
        assert images == [number, (number + 3) % 4]
