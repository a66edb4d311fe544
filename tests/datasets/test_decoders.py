"""Each format on a tiny file made here; each kind of broken file gets its own error."""

import cv2
import numpy as np
import pytest

from mmvd.datasets import RGBDDataset, decoders
from mmvd.datasets.decoders import DECODERS, read_depth, suspicion, to_millimetres
from mmvd.datasets.transforms import LoadDepth
from mmvd.errors import ConfigError, DepthFileError
from tests.conftest import logged

RAW = np.array([[0, 1000, 8000], [65535, 257, 3]], np.uint16)
EXPECTED = {
    'mm16': lambda r: r / 1000,
    'div256': lambda r: r / 256,
    'div4000': lambda r: r / 4000,
    'div5000': lambda r: r / 5000,
    'div10000': lambda r: r / 10000,
    'sunrgbd': lambda r: ((r >> 3) + ((r & 7) << 13)) / 1000,
    'apc': lambda r: ((r >> 3) + ((r & 7) << 13)) / 10000,
    'bop': lambda r: r * 0.1 / 1000,
}


@pytest.fixture
def png(tmp_path):
    path = tmp_path / 'depth.png'
    cv2.imwrite(str(path), RAW)
    return path


@pytest.mark.parametrize('name', EXPECTED)
def test_integer_formats(png, name):
    depth = read_depth(png, name, depth_scale=0.1)
    assert depth.dtype == np.float32
    expected = np.where(RAW == 65535, 0, EXPECTED[name](RAW.astype(np.int64)))  # the largest value is a clipped one
    np.testing.assert_allclose(depth, expected, rtol=1e-6)


def test_steps_of_bop_are_not_guessed(png, tmp_path):
    for read in (lambda: read_depth(png, 'bop'), lambda: LoadDepth('bop')(dict(depth_path=str(png)))):
        with pytest.raises(ConfigError, match='mmvd.BOPDataset alone knows millimetres per step'):
            read()
    (tmp_path / 'pairs.txt').write_text('depth.png other.png\n')
    data = RGBDDataset(str(tmp_path), 'bop', ann_file='pairs.txt', pipeline=[LoadDepth()])
    png.rename(tmp_path / 'other.png')
    with pytest.raises(ConfigError, match='take mm16, or div10000'):
        data[0]


def test_cityscapes_disparity(tmp_path):
    raw = np.array([[0, 1, 256 * 30 + 1, 2]], np.uint16)
    cv2.imwrite(str(tmp_path / 'd.png'), raw)
    expected = [0, 0, 0.209313 * 2262.52 / 30, 0]  # 0 is invalid, 1 is infinitely far, 2 is 121 km: beyond 150 m
    np.testing.assert_allclose(read_depth(tmp_path / 'd.png', 'cityscapes')[0], expected, rtol=1e-6)


def test_float_formats(tmp_path):
    depth = np.array([[1.5, np.nan, 1e4], [-2.0, np.inf, 1e30], [0.25, 9e3, 65504]], np.float32)
    expected = np.array([[1.5, 0, 0], [0, 0, 0], [0.25, 9e3, 0]], np.float32)
    np.save(tmp_path / 'd.npy', depth.astype(np.float64))
    (tmp_path / 'd.pfm').write_bytes(b'Pf\n3 3\n-1.0\n' + depth[::-1].tobytes())  # bottom row first
    cv2.imwrite(str(tmp_path / 'd.exr'), depth)
    cv2.imwrite(str(tmp_path / 'd3.exr'), np.repeat(depth[..., None], 3, 2))
    for name in ('d.npy', 'd.pfm', 'd.exr', 'd3.exr'):
        np.testing.assert_array_equal(read_depth(tmp_path / name, name.rsplit('.')[1]), expected)


def test_what_sixteen_bits_cannot_hold_is_missing(tmp_path):
    depth = np.array([[1.5, np.inf, np.nan], [-2, 65.534, 70]], np.float32)
    assert to_millimetres(depth).tolist() == [[1500, 0, 0], [0, 65534, 0]]
    cv2.imwrite(str(tmp_path / 'd.png'), to_millimetres(depth))
    np.testing.assert_allclose(read_depth(tmp_path / 'd.png', 'mm16'), [[1.5, 0, 0], [0, 65.534, 0]], rtol=1e-6)


def test_every_decoder_documents_its_formula():
    assert all('d = ' in decoder.formula for decoder in DECODERS.values())


def test_missing_file():
    with pytest.raises(DepthFileError, match='nowhere.png: no such depth file'):
        read_depth('nowhere.png', 'mm16')


def test_unknown_decoder(png):
    with pytest.raises(ConfigError, match="unknown depth decoder 'millimetres'.*mm16"):
        read_depth(png, 'millimetres')


@pytest.mark.parametrize('share', [0.0, 0.3, 0.9])
def test_truncated_png(tmp_path, share):
    path = tmp_path / 'cut.png'
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 65535, (64, 64), dtype=np.uint16))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DepthFileError, match='cut.png: no readable depth file'):
        read_depth(path, 'mm16')


def test_float_millimetres(tmp_path):
    millimetres = np.array([[1500.5, 0, np.nan], [np.inf, -5, 20000]], np.float32)
    expected = np.array([[1.5005, 0, 0], [0, 0, 20]], np.float32)
    for name in ('a.tiff', 'a.exr'):
        cv2.imwrite(str(tmp_path / name), millimetres)
        np.testing.assert_allclose(read_depth(tmp_path / name, 'float_mm'), expected)
    np.save(tmp_path / 'a.npy', millimetres)
    np.testing.assert_allclose(read_depth(tmp_path / 'a.npy', 'npy_mm'), expected)
    np.save(tmp_path / 'b.npy', np.array([[1500, 0]], np.int32))
    np.testing.assert_allclose(read_depth(tmp_path / 'b.npy', 'npy_mm'), [[1.5, 0]])


@pytest.mark.parametrize('ending', ['npy', 'exr', 'pfm'])
def test_truncated_float_files(tmp_path, ending):
    path, depth = tmp_path / f'cut.{ending}', np.random.default_rng(0).random((64, 64), np.float32)
    if ending == 'npy':
        np.save(path, depth)
    else:
        cv2.imwrite(str(path), depth)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DepthFileError, match='cut'):
        read_depth(path, ending)


def test_8_bit_and_colour(tmp_path):
    cv2.imwrite(str(tmp_path / 'grey.png'), np.zeros((4, 4), np.uint8))
    cv2.imwrite(str(tmp_path / 'colour.png'), np.zeros((4, 4, 3), np.uint16))
    with pytest.raises(DepthFileError, match='grey.png: uint8.*8-bit'):
        read_depth(tmp_path / 'grey.png', 'mm16')
    with pytest.raises(DepthFileError, match='colour.png: 3 channels'):
        read_depth(tmp_path / 'colour.png', 'mm16')


def test_pickled_array_is_refused(tmp_path):
    np.save(tmp_path / 'evil.npy', np.array([{'a': 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DepthFileError, match='evil.npy'):
        read_depth(tmp_path / 'evil.npy', 'npy')


@pytest.mark.parametrize(
    'file, decoder, low, high, share',
    [
        ('redwood_open3d/depth/00000.png', 'mm16', 0.5, 5, 0.86),
        ('tum/fr2_desk_1_depth.png', 'div5000', 0.3, 10, 0.6),
        ('kitti/depth/0000000050.png', 'div256', 1, 90, 0.15),
        ('ycbv/000001-depth.png', 'div10000', 0.2, 6, 0.7),
        ('apc2016/000000_depth.png', 'apc', 0.05, 2, 0.25),
        ('cleargrasp/real/000000123-opaque-depth-img.exr', 'exr', 0.2, 3, 0.5),
    ],
)
def test_real_files(test_data, file, decoder, low, high, share):
    path = test_data / file
    if not path.exists():
        pytest.skip(f'{file} is not among the real frames')
    depth = read_depth(path, decoder)
    assert depth[depth > 0].min() > low * 0.2 and depth.max() < high and (depth > 0).mean() > share - 0.05


def test_pfm_in_three_equal_colours(tmp_path):
    depth = np.array([[1.5, 0.0, 2.0], [3.0, 4.0, 5.0]], np.float32)
    (tmp_path / 'c.pfm').write_bytes(b'PF\n3 2\n-1.0\n' + np.repeat(depth[::-1, :, None], 3, 2).tobytes())
    assert np.array_equal(read_depth(tmp_path / 'c.pfm', 'pfm'), depth)


def test_an_archive_of_arrays_is_told(tmp_path):
    np.savez(tmp_path / 'a.npz', depth=np.ones((2, 2), np.float32))
    (tmp_path / 'a.npz').rename(tmp_path / 'a.npy')
    with pytest.raises(DepthFileError, match='not a numpy array .*archives .* hold several'):
        read_depth(tmp_path / 'a.npy', 'npy')


def test_depth_beyond_10_km_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(decoders, '_warned', set())
    told = logged(monkeypatch)
    np.save(tmp_path / 'a.npy', np.full((2, 2), 1.5, np.float32))
    read_depth(tmp_path / 'a.npy', 'npy')
    assert not told
    np.save(tmp_path / 'b.npy', np.full((2, 2), 2e4, np.float32))
    assert not read_depth(tmp_path / 'b.npy', 'npy').any() and 'nothing nearer than 10 km' in told[0]


def test_metres_that_look_like_another_unit():
    for metres in ([0, 5e-5], [3, 4, 1119], [201, 0, 0]):
        assert suspicion(np.array([metres], np.float32))
    for metres in ([0, 0], [0, 2e-4], [3, 4, 900], [199, 0]):
        assert suspicion(np.array([metres], np.float32)) is None
