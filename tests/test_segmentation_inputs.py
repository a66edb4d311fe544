"""Odd input of a segmentation run is told before training starts, or counted where that is asked for."""
import cv2
import numpy as np
import pytest

from mmvd.apis.launch import build_runner
from mmvd.errors import DepthFileError, SampleError
from tests.test_segmentation import tiny


def test_missing_depth_files_are_an_error_or_counted(tmp_path):
    for name in ('a', 'b'):
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.zeros((56, 56, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f'{name}_label.png'), np.full((56, 56), 3, np.uint8))
    np.save(tmp_path / 'a.npy', np.ones((56, 56), np.float32))
    (tmp_path / 'list.txt').write_text('a.png a.npy a_label.png\nb.png b.npy b_label.png\n')

    def data(**load):
        return dict(type='mmvd.RGBDSegDataset', data_root=str(tmp_path), ann_file='list.txt', decoder='npy', label_set='rooms',
                    pipeline=[dict(type='LoadImageFromFile'), dict(type='mmvd.LoadDepth', **load), dict(type='mmvd.LoadLabels'),
                              dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs'))])

    config = tiny(tmp_path / 'run')
    config.train_dataloader.dataset = data()
    runner = build_runner(config, training=True)
    with pytest.raises(DepthFileError, match='b.npy: no such depth file'):
        runner.train()
    assert runner.iter == 0  # before training starts
    config.train_dataloader.dataset = data(allow_missing_depth=True)
    runner = build_runner(config, training=True)
    runner.train()
    assert runner.message_hub.get_scalar('train/samples_without_depth').current() == 2


@pytest.mark.parametrize('which, value, text', [
    ('label', np.full((56, 56), 17, np.uint8), 'b33_label.png: label 17 is outside the 17 classes 0 to 16'),
    ('label', np.zeros((56, 50), np.uint8), 'b33_label.png: labels are .56, 50. but .*b33.png is .56, 56.'),
    ('depth', np.ones((50, 56), np.uint16), 'b33_depth.png: depth is .50, 56. but .*b33.png is .56, 56.'),
])
def test_odd_files_are_told_before_training_wherever_they_are(tmp_path, which, value, text):
    """One file of sixty, which is not among those that are read as samples."""
    names = [f'b{i:02d}' for i in range(60)]
    for name in names:
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.zeros((56, 56, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f'{name}_label.png'), np.full((56, 56), 3, np.uint8))
        cv2.imwrite(str(tmp_path / f'{name}_depth.png'), np.full((56, 56), 1500, np.uint16))
    cv2.imwrite(str(tmp_path / f'b33_{which}.png'), value)
    (tmp_path / 'list.txt').write_text(''.join(f'{name}.png {name}_depth.png {name}_label.png\n' for name in names))
    config = tiny(tmp_path / 'run')
    config.train_dataloader.dataset = dict(
        type='mmvd.RGBDSegDataset', data_root=str(tmp_path), ann_file='list.txt', decoder='mm16', label_set='rooms',
        pipeline=[dict(type='LoadImageFromFile'), dict(type='mmvd.LoadDepth'), dict(type='mmvd.LoadLabels'),
                  dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs'))])
    runner = build_runner(config, training=True)
    with pytest.raises(SampleError, match=text):
        runner.train()
    assert runner.iter == 0
