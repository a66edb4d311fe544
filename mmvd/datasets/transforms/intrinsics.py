"""Cameras that are not known."""

from functools import cache

from mmcv.transforms import BaseTransform
from mmengine.logging import MMLogger

from mmvd import ops
from mmvd.registry import TRANSFORMS


@cache
def tell_of_guess(reader: str) -> None:
    """Say once that cameras are guessed, and for whom."""
    MMLogger.get_current_instance().warning(
        f'{reader}: samples without intrinsics: their camera is guessed (intrinsics of the dataset would be used)'
    )


@TRANSFORMS.register_module()
class GuessIntrinsics(BaseTransform):
    """Give a sample whose camera is not known the guessed one of its whole image, see :func:`mmvd.ops.guess_camera`.

    What comes after moves it along, so that a crop shows the points that the whole image has.

    Required Keys: img, intrinsics (optional)

    Added Keys: intrinsics (3, 3) float32 pixels, unless there
    """

    def transform(self, results: dict) -> dict:
        """Guess."""
        if results.get('intrinsics') is None:
            results['intrinsics'] = ops.guess_camera(*results['img'].shape[:2]).numpy()
        return results
