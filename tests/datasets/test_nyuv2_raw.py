"""NYUv2's raw sequences on fabricated ones: the metres that come out are those that were put in."""

import cv2
import numpy as np
import pytest

from mmvd.datasets.decoders import read_depth
from mmvd.errors import ConfigError, MissingInputsError, SampleError
from mmvd.registry import DATASETS


def raw_of(metres: np.ndarray) -> np.ndarray:
    """What the Kinect's recorder would write, in whole steps."""
    return np.rint(2842.5 * (np.arctan(metres / 0.1236) - 1.1863)).astype(np.uint16)


def fabricate(root, times=((10.0, 10.004), (10.0333, 10.03), (10.0667, 10.2))):
    scene = root / 'office_0001a'
    scene.mkdir(parents=True)
    metres = np.tile(np.linspace(0.8, 6, 40), (30, 1))
    for number, (depth_s, image_s) in enumerate(times):
        raw = raw_of(metres + 0.1 * number)
        raw[:3] = 2047  # nothing measured
        (scene / f'd-{depth_s}-77.pgm').write_bytes(b'P5\n40 30\n65535\n' + raw.tobytes())  # in the wrong byte order
        cv2.imwrite(str(scene / f'r-{image_s}-88.ppm'), np.full((30, 40, 3), 50 * number, np.uint8))
    return dict(type='mmvd.NYUv2RawDataset', data_root=str(root)), metres


def test_pairs_of_the_nearest_times_in_metres(tmp_path):
    settings, metres = fabricate(tmp_path)
    assert DATASETS.get(settings['type']).missing(settings) is None
    pipeline = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth')]
    for scene, name in (('cafe_0001', 'r-10.0-1.ppm'), ('den_0001', 'd-10.0-1.pgm')):  # half extracted
        (tmp_path / scene).mkdir()
        (tmp_path / scene / name).touch()
    dataset = DATASETS.build(dict(settings, pipeline=pipeline))
    assert len(dataset) == 2  # the third depth map has no image within 20 ms
    for number in range(2):
        sample = dataset[number]
        assert sample['img'][0, 0, 0] == 50 * number and not sample['depth'][:3].any()
        # a step of the Kinect at 6 m is 10 cm wide, at 1 m 3 mm
        error = np.abs(sample['depth'][3:] - (metres + 0.1 * number)[3:])
        assert (error <= 0.0015 * sample['depth'][3:] ** 2 + 0.001).all()


def test_either_order_of_bytes_and_what_is_too_far(tmp_path):
    raw = np.array([[0, 300, 900, 1063, 1090, 1093, 2047, 2000]], np.uint16)
    expected = 0.1236 * np.tan(raw / 2842.5 + 1.1863)
    expected[(expected < 0) | (expected > 15)] = 0
    for name, values in (('a', raw), ('b', raw.byteswap())):
        (tmp_path / f'{name}.pgm').write_bytes(b'P5\n8 1\n65535\n' + values.tobytes())
        np.testing.assert_allclose(read_depth(tmp_path / f'{name}.pgm', 'nyu_raw'), expected, rtol=2e-3)


@pytest.mark.parametrize(('raw', 'kept'), [([515, 770], 2), ([300, 6000], 1)], ids=['in either order', 'in neither'])
def test_eleven_bits_tell_the_order_of_bytes(tmp_path, raw, kept):
    (tmp_path / 'a.pgm').write_bytes(b'P5\n2 1\n65535\n' + np.array(raw, '>u2').tobytes())
    expected = [0.1236 * np.tan(each / 2842.5 + 1.1863) for each in raw[:kept]] + [0] * (2 - kept)
    np.testing.assert_allclose(read_depth(tmp_path / 'a.pgm', 'nyu_raw')[0], expected, rtol=2e-3)


def test_the_frame_that_is_damaged_in_the_release_is_left_out(tmp_path):
    settings, _ = fabricate(tmp_path)
    scene = tmp_path / 'office_0001a'
    (scene / 'd-10.0-77.pgm').rename(scene / 'd-1315166703.129542-2466101449.pgm')
    (scene / 'r-10.004-88.ppm').rename(scene / 'r-1315166703.130000-2466101450.ppm')
    assert len(DATASETS.build(dict(settings, pipeline=[]))) == 1
    assert len(DATASETS.build(dict(settings, pipeline=[], exclude=None))) == 2


def test_what_is_odd_is_named(tmp_path):
    settings, _ = fabricate(tmp_path / 'far', times=((1.0, 2.0),))
    with pytest.raises(MissingInputsError, match='no depth map .* within 0.02 s'):
        DATASETS.build(settings)
    settings, _ = fabricate(tmp_path / 'odd')
    (tmp_path / 'odd/office_0001a/r-copy.ppm').write_bytes(b'')
    with pytest.raises(SampleError, match='r-copy.ppm: files of the raw sequences are named'):
        DATASETS.build(settings)
    with pytest.raises(ConfigError, match='max_gap_s'):
        DATASETS.build(dict(settings, max_gap_s=0))
