"""What an interrupted listing or verification has done is not done again."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmvd.datasets import threads, verification, walk
from mmvd.datasets.journal import Journal
from mmvd.datasets.verdicts import format_facts
from mmvd.datasets.verification import examine
from mmvd.errors import SavingError
from tests.datasets.test_index import build, pairs
from tools.dataset_converters.prepare import prepare


def test_an_interrupted_listing_goes_on(tmp_path, monkeypatch):
    settings, seen = pairs(tmp_path / 'set'), []

    def listed(folder):
        seen.append(folder.parts[-2])
        if len(seen) == 3:  # the first look is whether there is anything at all
            raise KeyboardInterrupt
        return sorted(os.listdir(folder))

    monkeypatch.setattr(walk, '_listed', listed)
    with pytest.raises(KeyboardInterrupt):
        prepare(settings)
    (journal,) = (tmp_path / 'set/.mmvd').glob('*.listing')
    assert len(prepare(settings)) == 6 and not journal.exists()
    first, _, second, *_ = seen
    assert seen == [first, first, second, first, second]  # the first folder is not listed again


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no device that is always full')
def test_a_full_disk_is_told_with_the_file(tmp_path):
    done = Journal(tmp_path / 'a', remedy='choose another folder')
    done._file.close()
    told = pytest.raises(SavingError, match='a: could not be written .No space left on device.: choose another folder')
    with open('/dev/full', 'wb', buffering=0) as done._file, told:
        done['x'] = 1


@pytest.mark.parametrize('odd', ['a b', 'ü'])
def test_a_folder_that_cannot_be_read_hides_no_other(tmp_path, monkeypatch, odd):
    def listed(folder):
        if odd in folder.parts:
            raise PermissionError(13, 'Permission denied')
        return os.listdir(folder)

    pairs(tmp_path)
    done, problems = {}, []
    with monkeypatch.context() as patch:
        patch.setattr(walk, '_listed', listed)
        found = list(walk.walk(tmp_path, '*/rgb/*.png', None, done, problems))
    assert len(found) == 3 and not any(odd in name for name in found)
    assert len(problems) == 1 and f'{odd}/rgb: this folder cannot be read (Permission denied)' in problems[0]
    assert len(list(walk.walk(tmp_path, '*/rgb/*.png', None, done))) == 6
    assert not list(walk.walk(tmp_path, '*/rgb/*.jpg', None, done))  # what was listed were others


def test_an_interrupted_verification_goes_on(tmp_path, monkeypatch):
    dataset, look = build(pairs(tmp_path)), verification._look_into

    def stop(dataset, index):
        if index == 4:
            raise KeyboardInterrupt
        return look(dataset, index)

    whole = examine(dataset)
    monkeypatch.setattr(verification, '_look_into', stop)
    with pytest.raises(KeyboardInterrupt), Journal(tmp_path / 'a.verify', 'x') as done:
        examine(dataset, done=done)
    monkeypatch.undo()
    image = Path(dataset.get_data_info(0)['img_path'])
    then_ns = image.stat().st_mtime_ns
    image.write_bytes(b'')
    os.utime(image, ns=(then_ns, then_ns))  # not read again, who is as old as it was
    with Journal(tmp_path / 'a.verify', 'x') as done:
        assert len(done) == 5  # what it is about, and four samples
        again = examine(dataset, done=done)
    assert vars(again) == vars(whole) and not (tmp_path / 'a.verify').exists()
    with Journal(tmp_path / 'a.verify', 'x') as done:
        assert examine(dataset, done=done).failures


def test_a_verification_goes_on_where_the_folder_moved(tmp_path, monkeypatch):
    settings, done = pairs(tmp_path / 'set'), {}
    whole = examine(build(settings), done=done)
    (tmp_path / 'set').rename(tmp_path / 'moved')
    monkeypatch.setattr(verification, '_look_into', None)
    assert examine(build(dict(settings, data_root=str(tmp_path / 'moved'))), done=done).mean_m == whole.mean_m


def test_files_that_changed_since_are_read_again(tmp_path):
    dataset = build(pairs(tmp_path / 'set'))
    with pytest.raises(ZeroDivisionError), Journal(tmp_path / 'a.verify', 'x') as done:
        assert not examine(dataset, done=done).failures
        raise ZeroDivisionError
    depth = tmp_path / 'set/ü/depth/1.png'
    depth.write_bytes(b'')
    os.utime(depth, ns=(1, 1))
    with Journal(tmp_path / 'a.verify', 'x') as done:
        assert [str(depth) in text for text in examine(dataset, done=done).failures] == [True]


def test_what_was_read_is_numpys(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, '_AT_ONCE', 4)
    dataset = build(pairs(tmp_path))
    maps = np.random.default_rng(0).integers(500, 600, (6, 8, 10)).astype(np.uint16)
    maps[0, :3] = maps[-1] = 0
    maps[1] *= 105  # far from the median, not from the mean
    paths = [dataset.get_data_info(number)['depth_path'] for number in range(6)]
    for path, values in zip(paths, maps, strict=True):
        cv2.imwrite(path, values)
    facts, some = examine(dataset), [values[values > 0] / 1000 for values in maps[:-1]]
    assert (facts.mean_m, facts.std_m) == pytest.approx(tuple(np.mean([(x.mean(), x.std()) for x in some], 0)))
    assert facts.density == pytest.approx((maps > 0).mean())
    assert (facts.empty, facts.other_unit, facts.read) == (paths[-1:], [paths[1]], 6)
    told = format_facts('a', facts)
    assert f'1 maps without depth, first {paths[-1]}' in told and f'1 maps in another unit, first {paths[1]}' in told
    done = {}
    facts = examine(dataset, limit=4, done=done)
    assert (facts.images, facts.read) == (6, 4)
    assert done.keys() == {verification._key_of(dataset.get_data_info(number), tmp_path) for number in (0, 2, 3, 5)}


def test_files_of_one_age_are_told_apart_and_failures_not_remembered(tmp_path):
    """As an archive has them, and copies."""
    dataset, done = build(pairs(tmp_path)), {}
    image = Path(dataset.get_data_info(0)['img_path'])
    whole = image.read_bytes()
    for content, count in ((b'', 1), (whole, 0)):
        image.write_bytes(content)
        for path in tmp_path.rglob('*.png'):
            os.utime(path, (1, 1))
        assert len(examine(dataset, done=done).failures) == count and len(done) == 6 - count


def test_labels_are_counted(tmp_path):
    labels = np.random.default_rng(0).integers(0, 4, (2, 8, 10)).astype(np.uint8)
    pairs(tmp_path, count=2)
    for number in (0, 1):
        cv2.imwrite(str(tmp_path / f'{number}.png'), labels[number])
    rows = ''.join(f'ü/rgb/{number}.png ü/depth/{number}.png {number}.png\n' for number in (0, 1))
    (tmp_path / 'a.txt').write_text(rows)
    settings = dict(type='mmvd.RGBDSegDataset', data_root=str(tmp_path), ann_file='a.txt', decoder='mm16')
    facts = examine(build(dict(settings, label_set='rooms')))
    assert facts.histogram.tolist() == np.bincount(labels.ravel(), minlength=256).tolist()


def test_a_row_that_stands_twice_in_a_list_is_told(tmp_path):
    settings = pairs(tmp_path, count=1)
    (tmp_path / 'a.txt').write_text('a b/rgb/0.png\ta b/depth/0.png\n' * 2)
    listed = {key: value for key, value in settings.items() if key not in ('images', 'depth_from')}
    assert len(examine(build(dict(listed, ann_file='a.txt'))).duplicates) == 1
    shutil.copy(tmp_path / 'a b/depth/0.png', tmp_path / 'a b/depth/1.png')  # two maps of one image, one of them twice
    rows = ''.join(f'a b/rgb/0.png\ta b/depth/{number}.png\n' for number in (0, 1, 1))
    (tmp_path / 'a.txt').write_text(rows)
    assert len(examine(build(dict(listed, ann_file='a.txt'))).duplicates) == 1


def test_a_journal_that_was_cut_off(tmp_path):
    path = tmp_path / 'a'
    with pytest.raises(ZeroDivisionError), Journal(path, 'x') as done:
        done['1'], done['2'] = [1], dict(a=2)
        raise ZeroDivisionError
    path.write_bytes(path.read_bytes()[:-3])
    done = Journal(path, 'x')
    assert done == {'about': 'x', '1': [1]}
    done['3'] = 5  # not glued to what was cut off
    del done
    assert Journal(path, 'x') == {'about': 'x', '1': [1], '3': 5} and path.read_bytes().count(b'\n') == 3
    assert Journal(path, 'y') == {'about': 'y'}
    path.write_bytes(b'\0\0\nxx\n')
    assert Journal(path, 'y') == {'about': 'y'}
    seen = []
    done = Journal(path, 'z', lambda: seen.append(path.read_bytes()))
    done['1'] = [1]
    done['1'] = [2]
    assert len(seen) == 2 and seen[1].endswith(b'["1", [1]]\n')  # on disk when it is told
    with pytest.raises(SavingError, match='set MMVD_INDEX'):
        Journal(path / 'below')


def test_two_at_the_same_work(tmp_path):
    with Journal(tmp_path / 'a'), pytest.raises(SavingError, match='another process is at the same work'):
        Journal(tmp_path / 'a')
