"""What numbers mean: classes are said once, fit into a label map, and are the same in all that is joined."""

import pytest

from mmvd.datasets import RGBDClassDataset, RGBDSegDataset, SUNRGBDSegDataset
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError
from mmvd.registry import DATASETS


def seg(root, kind=RGBDSegDataset, **settings):
    return kind(str(root), decoder='mm16', ann_file='list.txt', **settings)


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'list.txt').write_text('a.jpg a.png cat\nb.jpg b.png dog\n')
    return tmp_path


@pytest.mark.parametrize('count, reduce_zero_label', [(256, False), (255, True), (300, False)])
def test_more_classes_than_a_label_map_holds(root, count, reduce_zero_label):
    names = [f'class {number}' for number in range(count)]
    with pytest.raises(ConfigError, match=f'{count} classes where 8 bits hold'):
        seg(root, classes=names, reduce_zero_label=reduce_zero_label)
    assert seg(root, classes=names[: 255 - reduce_zero_label], reduce_zero_label=reduce_zero_label).num_classes > 200


def test_classes_are_said_once(root):
    for kind, settings in ((RGBDSegDataset, dict(label_set='rooms')), (SUNRGBDSegDataset, {})):
        with pytest.raises(ConfigError, match='has classes of its own: for 2 others set label_set=None'):
            seg(root, kind, classes=['x', 'y'], **settings)
    assert seg(root, SUNRGBDSegDataset, classes=['x', 'y'], label_set=None).metainfo['classes'] == ('x', 'y')
    for metainfo in (dict(classes=['z']), dict(reduce_zero_label=True)):
        with pytest.raises(ConfigError, match=f'metainfo says {next(iter(metainfo))}'):
            seg(root, classes=['x', 'y'], metainfo=metainfo)
    with pytest.raises(ConfigError, match='metainfo says classes'):
        seg(root, RGBDClassDataset, classes=['cat', 'dog'], metainfo=dict(classes=['z']))
    assert seg(root, classes=['x', 'y'], metainfo=dict(classes=['x', 'y'])).num_classes == 2  # the same twice
    colours = [[1, 2, 3], [4, 5, 6]]
    assert seg(root, classes=['x', 'y'], metainfo=dict(palette=colours)).metainfo['palette'] == colours


def test_the_class_of_all_others_is_one_of_them(root):
    with pytest.raises(ConfigError, match="others='others' is none of the classes cat, other"):
        seg(root, RGBDClassDataset, classes=['cat', 'other'], others='others')
    data = seg(root, RGBDClassDataset, classes=['cat', 'other'], others='other')
    assert [data.get_data_info(number)['gt_label'] for number in range(2)] == [0, 1]


def test_arguments_of_mmengine_that_would_say_nothing(root):
    for name in ('data_prefix', 'filter_cfg'):
        with pytest.raises(ConfigError, match=f'unknown arguments {name}'):
            seg(root, classes=['x'], **{name: dict(img_path='images')})


def joined(*parts: dict, kind: str = 'KeyedConcat', **settings):
    return DATASETS.build(dict(type=f'mmvd.{kind}', datasets=list(parts), **settings))


def test_what_is_joined_numbers_its_classes_alike(root):
    listed = dict(type='mmvd.RGBDClassDataset', data_root=str(root), decoder='mm16', ann_file='list.txt')
    labelled = dict(listed, type='mmvd.RGBDSegDataset', label_set='rooms')
    rooms = dict(type='mmvd.SyntheticRooms', length=2, size=(8, 8))
    for names in (['dog', 'cat'], ['cat', 'dog', 'ant']):
        with pytest.raises(ConfigError, match=r'KeyedConcat: RGBDClassDataset\(.* and its RGBDClassDataset 2; class'):
            joined(dict(listed, classes=['cat', 'dog']), dict(listed, classes=names))
    with pytest.raises(ConfigError, match='has 2 classes and its SyntheticRooms 5'):
        joined(rooms, labelled, dict(listed, classes=['cat', 'dog']))
    others = dict(labelled, label_set=None, classes=['cat', 'dog'])
    assert len(joined(labelled, others)) == 4  # no step reads the labels
    load = dict(type='mmvd.LoadLabels')
    with pytest.raises(ConfigError, match='KeyedConcat: RGBDSegDataset.* has 2 classes and its RGBDSegDataset 17'):
        joined(labelled, others, pipeline=[load])
    without = dict(listed, type='mmvd.RGBDDataset', ann_file='pairs.txt')
    (root / 'pairs.txt').write_text('a.jpg a.png\n')
    assert len(joined(without, rooms, labelled)) == 5  # pixels of rooms, and frames without labels


def test_joined_datasets_count_from_the_end_and_can_be_mixed():
    rooms = [dict(type='mmvd.SyntheticRooms', length=2, size=(8, 8), seed=seed, pipeline=[]) for seed in (1, 2)]
    data = joined(*rooms)
    assert data[-1]['img_path'] == data[3]['img_path'] == 'room 2/1'
    with pytest.raises(IndexError):
        data[4]
    pipeline = [dict(type='mmvd.PackRGBDInputs')]
    parts = [{key: value for key, value in each.items() if key != 'pipeline'} for each in rooms]
    concat = dict(type='mmvd.KeyedConcat', datasets=parts, pipeline=pipeline)
    mixed = DATASETS.build(dict(type='mmvd.EvenMixture', datasets=dict(both=concat), samples_per_epoch=8))
    found = {mixed[KeyedIndex(number, 0, 0)]['data_samples'].img_path for number in range(8)}
    assert {path.split('/')[0] for path in found} == {'room 1', 'room 2'}


def test_no_image_is_its_own_partner():
    rooms = dict(type='mmvd.SyntheticRooms', length=3, size=(8, 8), pipeline=[dict(type='mmvd.PackRGBDInputs')])
    with pytest.raises(ConfigError, match='offset=3 of 3 samples leads back'):
        DATASETS.build(dict(type='mmvd.WithPartnerImage', dataset=rooms, offset=3))
