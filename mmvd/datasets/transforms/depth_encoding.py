"""Depth encodings on the CPU, for pipelines that want them there; by default they happen inside the model."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmvd.datasets.cameras import camera_fits, left_behind
from mmvd.errors import ConfigError
from mmvd.registry import MODELS, TRANSFORMS

from .validity import check_metres


class _EncodingTransform(BaseTransform):
    """Runs the module of the same name on one sample."""

    def __init__(self, **kwargs):
        self.encoding = MODELS.build(dict(type=f'mmvd.{type(self).__name__}', **kwargs))

    def transform(self, results: dict) -> dict:
        """Encode."""
        check_metres(results, self)
        depth = torch.from_numpy(np.ascontiguousarray(results['depth']))[None, None]
        camera = results.get('intrinsics')
        if camera is not None and self.encoding.reads != 'metres' and not camera_fits(results):
            raise left_behind(results.get('img_path'), type(self).__name__)
        camera = None if camera is None else torch.as_tensor(camera)[None]
        sensors = dict(sensors=[results.get('depth_sensor')]) if self.encoding.reads_sensor else {}
        channels = self.encoding.channels(depth, camera, **sensors)
        channels, factor = self.encoding.into_range(channels, 'rescale')
        results['depth'] = self.encoding(channels)[0].permute(1, 2, 0).contiguous().numpy()
        results['range_factor'] = float(factor)
        return results


@TRANSFORMS.register_module()
class PositionalDepthEncoding(_EncodingTransform):
    """Replace depth by its positional encoding (paper Eq. 1), as the module of this name does.

    Goes with ``VDViT(depth_encoding=None, depth_channels=C)``. Arguments and errors are those of the module.

    Required Keys: depth, (H, W) metres

    Modified Keys: depth, (H, W, C) float32

    Added Keys: range_factor, by which the map was brought into range; predictions of :class:`mmvd.DepthCompleter` are
        divided by it
    """


@TRANSFORMS.register_module()
class PositionalPointEncoding(_EncodingTransform):
    """Replace depth by the encoded coordinates of its points (P3DE), as the module of this name does.

    Goes with ``VDViT(depth_encoding=None, depth_channels=C)``. Arguments and errors are those of the module.

    Required Keys: depth, (H, W) metres; intrinsics (3, 3) pixels (optional, guessed)

    Modified Keys: depth, (H, W, C) float32

    Added Keys: range_factor, by which the map was brought into range; predictions of :class:`mmvd.DepthCompleter` are
        divided by it

    Raises:
        ConfigError: If the camera is to be jittered, or points left out: that is for training, of which a pipeline does
            not know.
    """

    def __init__(self, **kwargs):
        random = sorted({'focal_jitter', 'centre_jitter', 'depth_alone'} & kwargs.keys())
        if random:
            raise ConfigError(
                f'PositionalPointEncoding: {", ".join(random)} are for training, of which a pipeline does not know: '
                'encode in the model'
            )
        super().__init__(**kwargs)


@TRANSFORMS.register_module()
class NormalizeDepth(_EncodingTransform):
    """Replace depth by (depth - mean) / std, as the module of this name does.

    Goes with ``VDViT(depth_encoding=None, depth_channels=C)``. Arguments and errors are those of the module.

    Required Keys: depth, (H, W) metres

    Modified Keys: depth, (H, W, C) float32

    Added Keys: range_factor, by which the map was brought into range; predictions of :class:`mmvd.DepthCompleter` are
        divided by it
    """


@TRANSFORMS.register_module()
class DisparityEncoding(_EncodingTransform):
    """Replace depth by normalised disparity, as the module of this name does.

    Goes with ``VDViT(depth_encoding=None, depth_channels=C)``. Arguments and errors are those of the module.

    Required Keys: depth, (H, W) metres; intrinsics (3, 3) pixels (optional, guessed); depth_sensor (optional)

    Modified Keys: depth, (H, W, C) float32

    Added Keys: range_factor, by which the map was brought into range; predictions of :class:`mmvd.DepthCompleter` are
        divided by it
    """
