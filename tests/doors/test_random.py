"""Property-based: whatever bytes or arguments come, there is a right value or a typed error, and never a crash."""

import io

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmvd.datasets.decoders import read_depth
from mmvd.datasets.listing import read_list
from mmvd.datasets.rasters import look_at_image, read_image, read_labels
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError, MMVDError
from mmvd.models.weights import load_checkpoint, tensors_of
from mmvd.registry import TRANSFORMS

from . import files

BOUNDED = settings(
    max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
GOOD = dict(
    png=files.PNG,
    jpg=files.JPEG,
    webp=files.WEBP,
    bmp=files.BMP,
    tiff=files.TIFF,
    depth=files.DEPTH_PNG,
    exr=files.encode(files.MM.astype(np.float32), 'exr'),
    pfm=files.pfm(b'Pf\n32 24\n-1\n'),
    npy=files.npy(files.MM.astype(np.float32)),
)


@st.composite
def damaged(draw, data: bytes) -> bytes:
    """A file with bytes changed, cut short, or with bytes put in."""
    kind = draw(st.sampled_from(['flip', 'cut', 'insert', 'head']))
    place = draw(st.integers(0, len(data) - 1 if kind != 'head' else min(len(data) - 1, 80)))
    if kind == 'cut':
        return data[:place]
    noise = draw(st.binary(min_size=1, max_size=8))
    return data[:place] + noise + data[place + (0 if kind == 'insert' else len(noise)) :]


def try_all(path) -> None:
    for read in (read_image, read_labels, look_at_image):
        try:
            read(path)
        except MMVDError as error:
            assert '\n' not in str(error)
    for decoder in ('mm16', 'exr', 'pfm', 'npy'):
        try:
            depth = read_depth(path, decoder)
        except MMVDError as error:
            assert '\n' not in str(error)
            continue
        assert depth.dtype == np.float32 and depth.ndim == 2 and depth.size
        assert np.isfinite(depth).all() and (depth >= 0).all() and depth.max() < 1e4


@pytest.mark.parametrize('kind', GOOD)
@BOUNDED
@given(data=st.data())
def test_damaged_rasters(tmp_path, kind, data):
    path = tmp_path / f'a.{kind}'
    path.write_bytes(data.draw(damaged(GOOD[kind])))
    try_all(path)


@BOUNDED
@given(data=st.binary(max_size=300))
def test_random_bytes(tmp_path, data):
    path = tmp_path / 'a.png'
    path.write_bytes(data)
    try_all(path)
    for name in ('a.pth', 'a.safetensors'):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MMVDError):
            tensors_of(load_checkpoint(tmp_path / name), name)


@BOUNDED
@given(head=st.text(max_size=60), kind=st.sampled_from(['Pf', 'PF', 'Pf\n', 'PF ']))
def test_random_headers_of_float_maps(tmp_path, head, kind):
    path = tmp_path / 'a.pfm'
    path.write_bytes(kind.encode() + head.encode() + b'\0' * 64)
    try_all(path)


@BOUNDED
@given(header=st.text(max_size=80))
def test_random_headers_of_numpy_files(tmp_path, header):
    path = tmp_path / 'a.npy'
    path.write_bytes(files.npy_header(header))
    try_all(path)


@BOUNDED
@given(data=st.binary(max_size=200))
def test_random_lists(tmp_path, data):
    path = tmp_path / 'l.txt'
    path.write_bytes(data)
    try:
        rows = read_list(path, ('image', 'depth'))
    except MMVDError as error:
        assert '\n' not in str(error)
    else:
        assert all(len(row) == 2 and all(row) for row in rows)


@BOUNDED
@given(data=st.data())
def test_damaged_checkpoints(tmp_path, data):
    whole = io.BytesIO()
    torch.save(dict(state_dict=dict(a=torch.arange(40.0), b=torch.ones(3))), whole)
    (tmp_path / 'a.pth').write_bytes(data.draw(damaged(whole.getvalue())))
    try:
        found = tensors_of(load_checkpoint(tmp_path / 'a.pth'), 'a.pth')
    except MMVDError as error:
        assert '\n' not in str(error)
    else:  # what was changed was padding
        assert all(torch.isfinite(value).all() for value in found.values())
        if 'a' in found:
            assert torch.equal(found['a'], torch.arange(40.0))


NUMBER = st.one_of(st.integers(-3, 200), st.floats(allow_nan=True, width=32), st.sampled_from(['no', None, True, ()]))
SHARE = st.one_of(st.floats(0, 1), NUMBER)
TRANSFORMS_OF = dict(
    RGBDResize=dict(size=st.one_of(NUMBER, st.tuples(NUMBER, NUMBER)), divisor=NUMBER),
    RGBDRandomFlip=dict(horizontal=SHARE, vertical=SHARE),
    RGBDRandomRotate=dict(max_degrees=NUMBER, prob=SHARE),
    RGBDRandomCrop=dict(size=st.tuples(NUMBER, NUMBER)),
    RGBDCenterCrop=dict(size=NUMBER),
    RGBDRandomResizedCrop=dict(size=NUMBER, scale=st.tuples(SHARE, SHARE), ratio=st.tuples(NUMBER, NUMBER)),
    RandomColorJitter=dict(brightness=SHARE, contrast=SHARE, saturation=SHARE, hue=SHARE),
    RandomGrayscale=dict(prob=SHARE),
    ThreeAugment=dict(prob=SHARE, threshold=NUMBER, sigma=st.tuples(NUMBER, NUMBER)),
    RandomDepth=dict(max_depth=NUMBER, min_depth=NUMBER),
    RandomDensityMask=dict(mean=SHARE, std=SHARE),
    AlterDepth=dict(zeros=SHARE, scale=NUMBER),
)


@pytest.mark.parametrize('kind', TRANSFORMS_OF)
@BOUNDED
@given(data=st.data())
def test_random_arguments_of_transforms(kind, data):
    arguments = {name: data.draw(values, name) for name, values in TRANSFORMS_OF[kind].items()}
    try:
        transform = TRANSFORMS.build(dict(type=f'mmvd.{kind}', **arguments))
    except ConfigError as error:
        assert '\n' not in str(error)
        return
    depth = np.linspace(0, 9, 24 * 32, dtype=np.float32).reshape(24, 32)
    sample = dict(img=files.RGB.copy(), depth=depth, sample_idx=KeyedIndex(3, 0, 1), intrinsics=np.eye(3, dtype='f4'))
    found = transform(sample)
    assert found['img'].shape[:2] == found['depth'].shape[:2] and found['img'].dtype == np.uint8
    assert np.isfinite(found['depth']).all() and (found['depth'] >= 0).all()
    assert cv2.countNonZero(found['depth'].astype(np.float32)) >= 0
