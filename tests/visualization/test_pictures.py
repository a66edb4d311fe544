"""Pictures: shape, and that the colours mean what they say."""

import errno
import os
from types import SimpleNamespace

import cv2
import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from mmvd.engine import DepthPanelHook
from mmvd.engine.hooks import depth_panel_hook, panel_hook
from mmvd.engine.hooks.panel_hook import PanelHook
from mmvd.errors import SavingError
from mmvd.saving import save_png_atomically
from mmvd.visualization import (
    completion_panel,
    contact_sheet,
    feature_pictures,
    panels,
    segmentation,
    segmentation_panel,
)
from mmvd.visualization.contact_sheet import sheet
from mmvd.visualization.poses import pose_picture
from mmvd.visualization.samples import Objects, depth_histograms, samples_picture

RGB = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
TRUTH = np.tile(np.linspace(0.5, 4, 40, dtype=np.float32), (30, 1))


@pytest.fixture
def undrawn(monkeypatch):
    """Figures as matplotlib has them, before they are pixels."""
    for module in (panels, feature_pictures, segmentation):
        monkeypatch.setattr(module, 'figure_picture', lambda figure: figure)


def shown(axis) -> np.ndarray:
    return axis.images[0].get_array()


def test_panel_shows_what_is_known_and_how_far_off_the_rest_is(undrawn):
    given, pred = np.where(TRUTH < 2, TRUTH, 0)[None], TRUTH[None] + 0.25
    figure = completion_panel(RGB, given, pred, TRUTH)
    axes = figure.axes[:5]
    assert [axis.get_title() for axis in axes] == ['RGB', 'input', 'prediction', 'truth', 'error']
    assert axes[1].get_ylabel() == '42% kept'  # 17 of 40 columns lie below two metres
    np.testing.assert_array_equal(shown(axes[0]), RGB)
    np.testing.assert_array_equal(shown(axes[1]).mask, given[0] == 0)
    for axis, depth in zip(axes[2:], (pred[0], TRUTH, np.full_like(TRUTH, 0.25)), strict=True):
        np.testing.assert_allclose(shown(axis), depth, rtol=1e-6)
    limits = tuple(np.percentile(TRUTH, (1, 99)))
    assert all(axis.images[0].get_clim() == limits for axis in axes[1:4])
    assert [axis.get_ylabel() for axis in figure.axes[5:]] == ['depth [m]', 'absolute error [m]']


def test_panel_of_ones_own_camera_has_no_truth(undrawn):
    figure = completion_panel(RGB, np.where(TRUTH < 2, TRUTH, 0)[None], TRUTH[None])
    assert [axis.get_title() for axis in figure.axes[:3]] == ['RGB', 'input', 'prediction'] and len(figure.axes) == 4
    assert figure.axes[1].get_ylabel() == '42% known'


def test_panel_of_an_answer(undrawn):
    figure = panels.rgbd_panel(RGB, TRUTH, 'kitchen')
    assert figure.get_suptitle() == 'kitchen' and figure.axes[2].get_ylabel() == 'depth [m]'
    np.testing.assert_array_equal(shown(figure.axes[0]), RGB)
    np.testing.assert_array_equal(shown(figure.axes[1]), TRUTH)


def test_colours_of_features_are_stretched_components():
    features = (
        torch.randn(8, 30, 40, generator=torch.Generator().manual_seed(0)) * torch.arange(8, 0, -1)[:, None, None]
    )
    pca = PCA(3).fit(features.flatten(1).T.numpy())
    values = pca.transform(features.flatten(1).T.numpy()) * np.where(pca.components_.sum(1) < 0, -1, 1)
    low, high = np.percentile(values, (1, 99), axis=0)
    expected = np.clip((values - low) / (high - low), 0, 1).reshape(30, 40, 3) * 255
    found = feature_pictures.feature_colours(features, (30, 40))
    assert found.dtype == np.uint8 and np.abs(found - expected).max() <= 1


def test_panel_of_features(undrawn):
    maps = [torch.randn(4, 3, 4) for _ in range(2)]
    axes = feature_pictures.features_panel(RGB, TRUTH, dict(image=maps, fused=maps)).axes
    titles = ['RGB', 'image, stage 1', 'image, stage 2', 'depth', 'fused, stage 1', 'fused, stage 2']
    assert [axis.get_title() for axis in axes] == titles
    np.testing.assert_array_equal(shown(axes[0]), RGB)
    np.testing.assert_array_equal(shown(axes[3]), TRUTH)
    np.testing.assert_array_equal(shown(axes[5]), feature_pictures.feature_colours(maps[1], (30, 40)))


def test_panel(tmp_path):
    truth = np.tile(np.linspace(1, 4, 40, dtype=np.float32), (30, 1))
    given = np.stack([truth, np.where(truth > 2, truth, 0)])
    picture = completion_panel(np.zeros((30, 40, 3), np.uint8), given, np.stack([truth, truth + 1]), truth)
    assert picture.ndim == 3 and picture.dtype == np.uint8 and picture.std() > 20
    save_png_atomically(picture, tmp_path / 'a' / 'p.png')
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'a' / 'p.png'))[..., ::-1], picture)


def test_panel_of_nothing():
    empty = np.zeros((30, 40), np.float32)
    assert completion_panel(np.zeros((30, 40, 3), np.uint8), empty[None], empty[None], empty).std() > 0


def test_contact_sheet():
    rgb = np.full((5, 8, 10, 3), 200, np.uint8)
    whole = contact_sheet(rgb, np.ones((5, 8, 10)), np.zeros((5, 8, 10), int))
    assert whole.shape == (2 * 3 * 8, 40, 3) and (whole[:8, :40] == 200).all() and (whole[24:, 10:] == 255).all()
    numbered = np.broadcast_to(np.arange(5, dtype=np.uint8)[:, None, None, None], (5, 8, 10, 3))
    whole = contact_sheet(numbered, np.ones((5, 8, 10)), np.zeros((5, 8, 10), int))
    assert whole[0, ::10, 0].tolist() == [0, 1, 2, 3] and whole[24, ::10, 0].tolist() == [4, 255, 255, 255]


def test_contact_sheet_colours_depth_by_the_farthest_and_leaves_missing_black():
    depth = np.float32([[[0, 1, 2, 4]]])
    found = contact_sheet(np.zeros((1, 1, 4, 3), np.uint8), depth, np.zeros((1, 1, 4), int))[1, :4]
    expected = [[0, 0, 0], *(np.array(matplotlib.colormaps['turbo'](share)[:3]) * 255 for share in (0.25, 0.5, 1.0))]
    np.testing.assert_array_equal(found, np.array(expected).astype(np.uint8))


def test_pictures_side_by_side():
    found = sheet([np.full((2, 3, 3), value, np.uint8) for value in range(3)], columns=2)
    np.testing.assert_array_equal(found[..., 0], np.repeat(np.repeat([[0, 1], [2, 255]], 2, 0), 3, 1))


def test_outlines_stand_around_what_the_renderer_sees():
    """At the enlarged size of the picture; poses that are no numbers are left out."""

    def render(R, t, K, shape) -> np.ndarray:
        depth = np.zeros(shape, np.float32)
        depth[int(K[1, 2]) : int(K[1, 2]) + 60, 100:200] = 0.5
        return depth

    black, K = np.zeros((120, 160, 3), np.uint8), np.array([[100.0, 0, 80], [0, 100, 60], [0, 0, 1]])
    unknown = (render, np.full((3, 3), np.nan), np.zeros(3), (255, 0, 0))
    found = pose_picture(black, [unknown, (render, np.eye(3), np.zeros(3), (60, 220, 60))], K)
    outline = np.zeros((360, 480), bool)
    top = int((60 + 0.5) * 3 - 0.5)
    outline[top : top + 60, 100:200] = True
    outline[top + 1 : top + 59, 101:199] = False
    assert found.shape == (360, 480, 3)
    assert (found[outline] >= (40, 160, 40)).all() and (found <= (60, 220, 60)).all()
    assert not found[~cv2.dilate(outline.astype(np.uint8), np.ones((3, 3))).astype(bool)].any()  # smoothed beside


@pytest.fixture
def saved(monkeypatch, tmp_path) -> list[Figure]:
    """Figures instead of pictures, in empty files."""
    figures = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Figure, 'savefig', lambda figure, path, **kwargs: figures.append(figure))
    return figures


def test_samples_say_how_much_depth_they_have(saved):
    some, none = np.where(TRUTH < 2, TRUTH, 0), np.zeros_like(TRUTH)
    samples_picture([dict(rgb=RGB, depth=some), dict(rgb=RGB, depth=none)], ['a', 'b'], 'unused.png')
    axes = saved[0].axes
    assert [axes[0].get_title(), axes[1].get_title()] == ['rgb', 'depth'] and axes[2].get_ylabel() == 'b'
    assert axes[1].get_xlabel() == f'0.50 to {some.max():.2f} m, 42%' and axes[3].get_xlabel() == ''
    np.testing.assert_array_equal(shown(axes[1]).mask, some == 0)


def test_objects_have_boxes_and_names(saved):
    objects = Objects(RGB, [(2, 3, 10, 8), (0, 0, 4, 4)], ['bed', 'class 7'])
    samples_picture([dict(objects=objects), dict(objects=Objects(RGB, [], []))], ['a', 'b'], 'unused.png')
    some, none = saved[0].axes
    np.testing.assert_array_equal(shown(some), RGB)
    assert [box.get_bbox().bounds for box in some.patches] == [(1.5, 2.5, 8, 5), (-0.5, -0.5, 4, 4)]  # around pixels
    assert [text.get_text() for text in some.texts] == ['bed', 'class 7']
    assert none.get_title() == '' and not none.patches


def test_histograms_of_depth_and_density(saved):
    depth_histograms(dict(half=[np.float32([[0, 2, 0, 4]])], empty=[np.zeros((2, 2), np.float32)]), 'unused.png')
    left, right = saved[0].axes
    assert [text.get_text() for text in saved[0].legends[0].texts] == ['half: 3.00 m', 'empty: no depth']
    shares = [[patch.get_data() for patch in axis.patches] for axis in (left, right)]
    assert [data.values.sum() for data in shares[0]] == [1, 0] and [data.values.sum() for data in shares[1]] == [1, 1]
    assert shares[1][0].values[10] == 1 and shares[1][1].values[0] == 1


def test_panel_of_classes(undrawn):
    """Colours lie over the image, names stand in the order of their pixels, what is ignored stays as it is."""
    truth, prediction = np.zeros((30, 40), int), np.full((30, 40), 2)
    truth[:10], truth[10:12], prediction[:3] = 255, 1, 0
    palette = [[0, 0, 0], [10, 20, 30], [250, 150, 50]]
    figure = segmentation_panel(RGB, TRUTH, truth, prediction, ('floor', 'cup', 'wall'), palette)
    axes = figure.axes[:4]
    assert [axis.get_title() for axis in axes] == ['RGB', 'depth', 'truth', 'prediction']
    np.testing.assert_array_equal(shown(axes[0]), RGB)
    np.testing.assert_array_equal(shown(axes[1]), TRUTH)
    for axis, labels in zip(axes[2:], (truth, prediction), strict=True):
        expected = 0.4 * RGB + 0.6 * np.array([*palette, *[[0, 0, 0]] * 253])[labels]
        expected = np.where(labels[..., None] == 255, RGB, expected)
        np.testing.assert_array_equal(shown(axis), expected.round())
    handles = figure.legends[0].legend_handles
    assert [handle.get_label() for handle in handles] == ['wall', 'floor', 'cup']
    assert np.allclose(handles[0].get_facecolor()[:3], np.array(palette[2]) / 255)


@pytest.mark.parametrize('shape', [(2240, 1), (1, 2240)])
def test_a_strip_of_pixels_makes_no_large_picture(shape):
    """Its place in the figure has at most four times the shorter side."""
    rgb, depth = np.zeros((*shape, 3), np.uint8), np.ones(shape, np.float32)
    labels = np.zeros(shape, int)
    for picture in (
        panels.rgbd_panel(rgb, depth, 'strip'),
        completion_panel(rgb, depth[None], depth[None], depth),
        segmentation_panel(rgb, depth, labels, labels, ('floor',), [[0, 0, 0]]),
        feature_pictures.features_panel(rgb, depth, dict(image=[torch.rand(4, *shape)])),
    ):
        assert 100 < picture.shape[0] < 2000 and picture.shape[1] < 2000


def test_a_picture_is_there_until_the_new_one_is_whole(tmp_path, monkeypatch):
    (tmp_path / 'a.png').write_text('an older one')
    monkeypatch.setattr(os, 'fsync', lambda file: (_ for _ in ()).throw(OSError(errno.ENOSPC, 'No space left')))
    with pytest.raises(SavingError, match='a.png: could not be written'):
        depth_histograms(dict(some=[np.ones((2, 2), np.float32)]), tmp_path / 'a.png')
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [('a.png', 'an older one')]


class PlainPanels(PanelHook):
    """A picture for each answer, and how many were drawn."""

    drawn = 0

    def pictures(self, batch, outputs, metainfo):
        assert metainfo == dict(classes='ab')
        for value in outputs:
            self.drawn += 1
            yield np.full((4, 6, 3), value, np.uint8)


def test_panels_are_counted_and_named(tmp_path, monkeypatch):
    hook, shown = PlainPanels(max_samples=3, max_validations=2), []
    visualizer = SimpleNamespace(add_image=lambda name, picture, step: shown.append((name, step)))
    loader = SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes='ab')))
    runner = SimpleNamespace(train_loop=None, log_dir=str(tmp_path), visualizer=visualizer, val_dataloader=loader)
    vars(runner).update(test_dataloader=loader, epoch=3, iter=30, max_epochs=4, max_iters=40, val_interval=1)

    def run(mode, batches=((10, 20), (30, 40), (50,))):
        getattr(hook, f'before_{mode}_epoch')(runner)
        for outputs in batches:
            getattr(hook, f'after_{mode}_iter')(runner, 0, dict(data_samples=[]), outputs=outputs)

    run('val')
    assert hook.drawn == 0  # every second one
    runner.epoch = 4
    run('train')
    assert hook.drawn == 0
    run('val')
    run('test')
    assert hook.drawn == 6  # no more than are kept
    names = {f'{stage}_sample{number}.png': 10 * number + 10 for stage in ('epoch004', 'test') for number in range(3)}
    assert {path.name: cv2.imread(str(path)).max() for path in (tmp_path / 'panels').iterdir()} == names
    assert shown == [(f'panel_sample{number}', step) for step in (4, 0) for number in range(3)]
    monkeypatch.setattr(panel_hook, 'is_main_process', lambda: False)
    run('val')
    run('test')
    assert hook.drawn == 6


def test_panels_of_completion_are_spread_over_the_densities(monkeypatch):
    drawn, image = [], torch.arange(24, dtype=torch.uint8).view(3, 2, 4)  # BGR
    monkeypatch.setattr(depth_panel_hook, 'completion_panel', lambda *parts: drawn.append(parts))
    depth = torch.arange(5.0).view(5, 1, 1).expand(5, 2, 4)
    sample = SimpleNamespace(input_depth=depth, pred_depth=depth + 10, gt_depth=depth[3:4])
    for densities, rows in ((3, [0, 2, 4]), (1, [0]), (9, [0, 1, 2, 3, 4])):
        list(DepthPanelHook(densities=densities).pictures(dict(inputs=[image]), [sample], {}))
        rgb, given, pred, truth = drawn.pop()
        np.testing.assert_array_equal(rgb[..., ::-1].transpose(2, 0, 1), image)
        assert given[:, 0, 0].tolist() == rows and (pred == given + 10).all()
        np.testing.assert_array_equal(truth, depth[3])
