"""Cameras that are not known."""

from mmcv.transforms import BaseTransform

from mmvd import ops
from mmvd.datasets.cameras import note_camera
from mmvd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class GuessIntrinsics(BaseTransform):
    """Give a sample whose camera is not known the guessed one of its whole image, see :func:`mmvd.ops.guess_camera`.

    Joint transforms that come after move it along, so that a crop shows the points that the whole image has.

    Required Keys: img, intrinsics (optional)

    Added Keys: intrinsics (3, 3) float32 pixels and camera_of, unless there
    """

    def transform(self, results: dict) -> dict:
        """Guess."""
        if results.get('intrinsics') is None:
            results['intrinsics'] = ops.guess_camera(*results['img'].shape[:2]).numpy()
            note_camera(results)
        return results
