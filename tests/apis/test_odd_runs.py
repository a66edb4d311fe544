"""Runs that one image, or one name, must not end."""

import cv2
import numpy as np
import pytest

from mmvd.apis import demo
from mmvd.datasets.cameras import tell_of_place
from mmvd.errors import MemoryLimitError
from tests.commands import command
from tests.conftest import logged


@pytest.mark.parametrize('passes_over', [True, False])
def test_an_image_that_does_not_fit_is_named_and_may_be_passed_over(completer, tmp_path, monkeypatch, passes_over):
    for name, side in (('a', 28), ('b', 56), ('c', 28)):
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.zeros((side, side, 3), np.uint8))
    predict = completer.predict

    def limited(frames):
        if frames[0].rgb.shape[0] == 56:
            raise MemoryError
        return predict(frames)

    monkeypatch.setattr(completer, 'predict', limited)
    if passes_over:
        found = completer(tmp_path, skip_unreadable=True)
        assert [prediction['name'] for prediction in found['predictions']] == ['a', 'c']
        ((path, told),) = found['failures']
        assert path.endswith('b.png') and '1 image(s) of 56x56 do not fit into memory' in told
    else:
        with pytest.raises(MemoryLimitError, match='b.png: 1 image.s. of 56x56 do not fit into memory'):
            completer(tmp_path)


def test_names_as_long_as_they_may_be(completer, tmp_path):
    name = '画' * 70
    cv2.imwrite(str(tmp_path / f'{name}.png'), np.zeros((28, 28, 3), np.uint8))
    completer(tmp_path / f'{name}.png', out_dir=tmp_path / 'out')
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {f'{name}_depth.png', f'{name}_panel.png'}


def test_intrinsics_of_an_image_of_another_size_are_told(completer, monkeypatch):
    told, image = logged(monkeypatch), np.zeros((56, 112, 3), np.uint8)
    for cx in (56, 111):
        tell_of_place.cache_clear()
        completer.model.complete(image, intrinsics=(60, 60, cx, 28))
    assert [line for line in told if 'the principal point' in line] == [told[-1]] and '111, 28 lies at the' in told[-1]


@pytest.mark.parametrize('what', ['demo', 'data'])
def test_a_picture_with_the_name_of_another_format_is_told_before_it_is_drawn(tmp_path, monkeypatch, what):
    for drawn in ('demo_panel', 'rooms_sheet'):
        monkeypatch.setattr(demo, drawn, lambda *args: 1 / 0)
    done = command(what, '--out', tmp_path / 'x.jpg')
    assert done.returncode == 2 and 'x.jpg: a PNG is written' in done.stderr and not (tmp_path / 'x.jpg').exists()
