"""What reaches the network where it works at another size than the image has."""

import numpy as np
import torch
from PIL import Image

from tests.conftest import tiny_model


def test_image_and_camera_are_those_of_the_working_resolution(monkeypatch):
    """Sides are whole patches, so the scales of the two axes differ."""
    model, seen = tiny_model(), {}
    pre, encoding = model.completer.data_preprocessor, model.completer.backbone.depth_encoding
    channels, forward = encoding.channels, model.completer.forward

    def keep_camera(depth, camera):
        seen['camera'] = camera
        return channels(depth, camera)

    def keep_inputs(inputs):
        seen['image'] = inputs[:, :3] * pre.std + pre.mean
        return forward(inputs)

    monkeypatch.setattr(encoding, 'channels', keep_camera)
    monkeypatch.setattr(model.completer, 'forward', keep_inputs)
    patch = model.completer.backbone.patch_size
    rgb = np.random.default_rng(0).integers(0, 256, (60, 100, 3), dtype=np.uint8)
    depth = np.full((60, 100), 2, np.float32)
    found = model.complete(rgb, depth, size=2 * patch + 1, intrinsics=(80, 90, 49.5, 29.5))
    assert found.shape == (60, 100)
    height, width = seen['image'].shape[-2:]
    assert (height, width) == (2 * patch, round(100 * (2 * patch + 1) / 60 / patch) * patch)
    x, y = width / 100, height / 60
    assert x != y
    wanted = [[80 * x, 0, width / 2 - 0.5], [0, 90 * y, height / 2 - 0.5], [0, 0, 1]]
    torch.testing.assert_close(seen['camera'][0].double(), torch.tensor(wanted).double(), rtol=1e-6, atol=1e-5)
    smaller = np.asarray(Image.fromarray(rgb).resize((width, height), Image.BILINEAR), np.float32)  # with its filter
    np.testing.assert_allclose(seen['image'][0].permute(1, 2, 0).numpy(), smaller, atol=1.5)
