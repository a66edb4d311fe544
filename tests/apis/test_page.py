"""The demo's page: what it answers, and a real browser that opens it."""

import socket
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmvd.apis.page import answer, build_page, points_figure
from mmvd.errors import ConfigError, DepthFileError, SampleError
from tests.apis.chromium import CHROMIUM, screenshot
from tests.conftest import tiny_model

# Not importorskip: all that collect the tests would wait for gradio.
pytestmark = pytest.mark.skipif(find_spec('gradio') is None, reason='the extra [demo] is not installed')


@pytest.fixture(scope='module')
def model():
    return tiny_model()


def test_answer_on_a_room_and_on_files(model, tmp_path):
    panel, rgb, completed = answer(model, None, None, 3, 20, 'pixel', 1.0)
    assert panel.ndim == 3 and rgb.shape == (112, 112, 3) and completed.shape == (112, 112)
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((60, 80), 2000, np.uint16))
    image = np.full((60, 80, 3), 90, np.uint8)
    _, rgb, completed = answer(model, image, str(tmp_path / 'd.png'), 0, 50, 'perlin', 2.0)
    assert rgb is image or np.array_equal(rgb, image)
    assert completed.shape == (60, 80)
    panel, _, _ = answer(model, image, None, 0, 50, 'coarse', 1.0)  # colour alone
    assert panel.ndim == 3
    with pytest.raises(ConfigError, match='the demo: room must be a whole number of at least 0, got 1.5'):
        answer(model, None, None, 1.5, 50, 'pixel', 1.0)
    with pytest.raises(DepthFileError, match='missing.npy: no such'):
        answer(model, image, str(tmp_path / 'missing.npy'), 0, 50, 'pixel', 1.0)


def test_points_lie_where_the_camera_saw_them():
    depth_m = np.zeros((4, 6), np.float32)
    depth_m[1, 2] = 2.0
    cloud = points_figure(np.full((4, 6, 3), 7, np.uint8), depth_m).data[0]
    assert len(cloud.x) == 1 and cloud.y[0] == 2.0 and cloud.marker.color[0] == 'rgb(7,7,7)'
    assert cloud.x[0] < 0 < cloud.z[0]  # left of the centre and above it


@pytest.mark.parametrize('mode', ['RGB', 'L'])
def test_an_uploaded_image_is_judged_as_it_is(model, tmp_path, mode):
    """Gradio turns images as their EXIF data say, and leaves the depth beside them."""
    import gradio as gr

    turned, path = Image.Exif(), str(tmp_path / 'turned.jpg')
    turned[0x0112] = 3
    Image.new(mode, (80, 60), 90).save(path, exif=turned)
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((60, 80), 2000, np.uint16))
    upload = next(block for block in build_page(model).blocks.values() if getattr(block, 'label', None) == 'image')
    with pytest.raises(SampleError, match='its EXIF data turn or mirror it'):
        given = upload.preprocess(gr.data_classes.ImageData(path=path, orig_name='turned.jpg'))
        answer(model, given, str(tmp_path / 'd.png'), 0, 50, 'perlin', 2.0)


@pytest.mark.skipif(CHROMIUM is None, reason='no Chromium on this machine')
def test_a_real_browser_shows_panel_and_points(model, tmp_path):
    page = build_page(model)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    page.launch(server_name='127.0.0.1', server_port=port, prevent_thread_lock=True, quiet=True)
    try:
        there = "!!document.querySelector('{}')".format
        wanted = f'{there(".js-plotly-plot canvas")} && {there("img[src*=file]")}'
        png = screenshot(f'http://127.0.0.1:{port}', wanted, tmp_path)
    finally:
        page.close()
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[0] > 500 and picture.std() > 10
    Path('work_dirs').mkdir(exist_ok=True)
    Path('work_dirs/demo_page.png').write_bytes(png)  # for people to look at
