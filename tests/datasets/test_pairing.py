"""Pairs of images and depth files by their names."""

import pytest

from mmvd.datasets.pairing import pair_folders
from mmvd.errors import SampleError


def make(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b'')
    return folder


def names(pairs):
    return [(image.name, depth and depth.name) for image, depth in pairs]


def test_two_folders_and_one(tmp_path):
    images = make(tmp_path / 'i', 'b.jpg', 'a.png', 'c.WEBP')
    depths = make(tmp_path / 'd', 'a.png', 'b.exr', 'c.npy', 'z.png')
    assert names(pair_folders(images, depths)) == [('a.png', 'a.png'), ('b.jpg', 'b.exr'), ('c.WEBP', 'c.npy')]
    one = make(tmp_path / 'o', '1_rgb.png', '1_depth.png', '2-color.png', '2-depth.png', '3.jpg', '3.npy')
    expected = [('1_rgb.png', '1_depth.png'), ('2-color.png', '2-depth.png'), ('3.jpg', '3.npy')]
    assert names(pair_folders(one, one)) == expected
    assert names(pair_folders(images, None)) == [('a.png', None), ('b.jpg', None), ('c.WEBP', None)]


def test_words_before_digits(tmp_path):
    make(tmp_path / 'a', 'color0001.png', 'color0002.png')
    make(tmp_path / 'b', 'depth0001.png', 'depth0002.png')
    found = [('color0001.png', 'depth0001.png'), ('color0002.png', 'depth0002.png')]
    assert names(pair_folders(tmp_path / 'a', tmp_path / 'b')) == found
    make(tmp_path / 'a', 'depth0001.png', 'depth0002.png')
    assert names(pair_folders(tmp_path / 'a', tmp_path / 'a')) == found


def test_what_is_no_depth_is_not_taken_for_it(tmp_path):
    images = make(tmp_path / 'i', 'a.png')
    depths = make(tmp_path / 'd', 'a.txt', 'a.json', '._a.png')
    with pytest.raises(SampleError, match='a.png: no depth file of this name'):
        pair_folders(images, depths)
    make(images, '._a.jpg', '.hidden.png', 'notes.txt')
    make(depths, 'a.png')
    assert names(pair_folders(images, depths)) == [('a.png', 'a.png')]


@pytest.mark.parametrize(
    'images, depths, match',
    [
        (['a.png'], ['a.png', 'a.npy'], 'two depth files could belong to it'),
        (['a.png', 'a.jpg'], ['a.npy'], 'would share the depth of one name'),
        (['a_rgb.png', 'a_image.png'], ['a.npy'], 'would share the depth of one name'),
        (['a.png', 'b.png'], ['a.png'], r'b.png: no depth file of this name in .* \(1 of 2'),
        ([], ['a.png'], 'no images in this folder'),
        (['a_depth.png'], ['a.png'], 'no images in this folder'),
    ],
)
def test_doubt_is_an_error(tmp_path, images, depths, match):
    with pytest.raises(SampleError, match=match):
        pair_folders(make(tmp_path / 'i', *images), make(tmp_path / 'd', *depths))


def test_panels_of_earlier_results_are_no_images(tmp_path):
    folder = make(tmp_path / 'i', 'a.png', 'a_panel.png', 'a_panel.jpg', 'solar_panel.png', 'a_depth.png')
    assert [path.name for path, _ in pair_folders(folder, None)] == ['a.png', 'a_panel.jpg', 'solar_panel.png']
    (folder / 'a_panel.jpg').unlink()
    (folder / 'solar_panel.png').unlink()
    depths = make(tmp_path / 'd', 'a.png', 'a_panel.png')
    assert len(pair_folders(folder, folder)) == 1 and len(pair_folders(folder, depths)) == 2  # with depth of its own


def test_no_such_folder(tmp_path):
    with pytest.raises(SampleError, match='no such folder'):
        pair_folders(tmp_path / 'none', None)
