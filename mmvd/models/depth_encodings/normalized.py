"""The encodings that positional ones are compared with: one channel of normalised depth or disparity (facts 4)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmvd import ops
from mmvd.arguments import check_choice, check_number, check_positive
from mmvd.registry import MODELS

from .base import DepthEncoding

_DEFAULT_SENSOR = 'd435'  # authors' code


@MODELS.register_module()
class NormalizeDepth(DepthEncoding):
    """``(depth - mean) / std``, of missing pixels too, which become -mean / std (authors' code).

    The paper's rows: 5 and 5 (its "+VD(Norm)"), 2.4597 and 0.8662, 21 and 6 with a range of 500 m.

    Args:
        mean: Metres.
        std: Metres.
        max_depth: Range in metres.

    Raises:
        ConfigError: If an argument is outside its domain.
    """

    out_channels = 1

    def __init__(self, mean: float = 5.0, std: float = 5.0, max_depth: float = 15.0):
        super().__init__()
        self.mean, self.std = check_number('NormalizeDepth', 'mean', mean), check_positive('NormalizeDepth', 'std', std)
        self.max_depth = check_positive('NormalizeDepth', 'max_depth', max_depth)

    def constants(self) -> dict:
        """See :meth:`DepthEncoding.constants`."""
        return dict(
            type=type(self).__name__, mean=float(self.mean), std=float(self.std), max_depth=float(self.max_depth)
        )

    def forward(self, channels: Tensor) -> Tensor:
        """(B, 1, H, W) metres to (B, 1, H, W)."""
        return (self.clean(channels) - self.mean) / self.std


@MODELS.register_module()
class DisparityEncoding(DepthEncoding):
    """Disparity of a stereo camera, divided by 75 and normalised (paper A.8, facts 4).

    Args:
        focal_px: Focal length in pixels; None takes the camera of the sample, or 0.9 of the shorter side where it is
            not known (authors' code).
        baseline_m: Distance of the two cameras in metres (authors' code: 0.05, a RealSense D435), a sensor's name, see
            ``BASELINES_M``, or ``'sensor'``: that of the sensor that each sample names, a D435's where it names none.
        mean: Of disparity / 75. The default is 4.5533163 pixels, which the authors' code subtracts from disparity / 75:
            such an input would hardly vary.
        std: Of disparity / 75; 1.6035318 pixels.
        max_depth: Depth beyond it, in metres, gives no smaller disparity.
        max_disparity_px: Larger disparity is cut to it (A.8, for Omnivore: 75); None cuts nothing.

    Raises:
        ConfigError: If an argument is outside its domain.
    """

    out_channels, bounds_depth, reads = 1, False, 'disparity'
    BASELINES_M = dict(kv1=0.075, kv1_b=0.075, kv2=0.075, realsense=0.095, xtion=0.095, d435=0.05)  # paper A.8
    _UNIT_PX = 75.0

    def __init__(
        self,
        focal_px: float | None = None,
        baseline_m: float | str = 0.05,
        mean: float = 4.5533163 / 75,
        std: float = 1.6035318 / 75,
        max_depth: float = 50.0,
        max_disparity_px: float | None = None,
    ):
        super().__init__()
        owner = 'DisparityEncoding'
        self.reads_sensor = baseline_m == 'sensor'
        if self.reads_sensor:
            baseline_m = self.BASELINES_M[_DEFAULT_SENSOR]
        elif isinstance(baseline_m, str):
            baseline_m = self.BASELINES_M[check_choice(owner, 'baseline_m', baseline_m, ('sensor', *self.BASELINES_M))]
        self.focal_px = focal_px if focal_px is None else check_positive(owner, 'focal_px', focal_px)
        self.baseline_m = check_positive(owner, 'baseline_m', baseline_m)
        self.mean, self.std = check_number(owner, 'mean', mean), check_positive(owner, 'std', std)
        self.max_depth = check_positive(owner, 'max_depth', max_depth)
        self.max_disparity_px = (
            max_disparity_px
            if max_disparity_px is None
            else check_positive(owner, 'max_disparity_px', max_disparity_px)
        )

    def constants(self) -> dict:
        """See :meth:`DepthEncoding.constants`."""
        names = ('focal_px', 'baseline_m', 'mean', 'std', 'max_depth')
        names += ('max_disparity_px',) if self.max_disparity_px else ()  # older checkpoints do not name it
        values = {name: getattr(self, name) for name in names}
        values['baseline_m'] = 'sensor' if self.reads_sensor else self.baseline_m
        return dict(type=type(self).__name__, **values)

    def guess_camera(self, height: int, width: int) -> Tensor:
        """A focal length of 0.9 of the shorter side (authors' code)."""
        focal = 0.9 * min(height, width)
        return torch.tensor([[focal, 0, 0.5 * width], [0, focal, 0.5 * height], [0, 0, 1.0]])

    def channels(
        self,
        depth: Tensor,
        camera: Tensor | None = None,
        keys: Tensor | None = None,
        sensors: Sequence[str | None] | None = None,
    ) -> Tensor:
        """(B, 1, H, W) metres to (B, 1, H, W) pixels of disparity, 0 = missing.

        Raises:
            ConfigError: If a sample names a sensor whose baseline is not known.
        """
        if camera is None:
            camera = self.guess_camera(*depth.shape[-2:]).to(depth.device).expand(len(depth), -1, -1)
        focal = camera[:, :2, 0].norm(dim=1) if self.focal_px is None else self.focal_px  # also of a turned camera
        if not self.reads_sensor or sensors is None:
            return ops.depth_to_disparity(depth, focal, self.baseline_m, self.max_depth)
        baselines = [self._baseline_of(sensor) for sensor in sensors]
        stereo = focal * ops.to_device(torch.tensor(baselines), depth.device)  # one product serves both
        return ops.depth_to_disparity(depth, stereo, 1.0, self.max_depth)

    def _baseline_of(self, sensor: str | None) -> float:
        name = check_choice('DisparityEncoding', 'depth_sensor', sensor or _DEFAULT_SENSOR, tuple(self.BASELINES_M))
        return self.BASELINES_M[name]

    def forward(self, channels: Tensor) -> Tensor:
        """(B, 1, H, W) pixels to (B, 1, H, W)."""
        channels = self.clean(channels)
        channels = channels if self.max_disparity_px is None else channels.clamp(max=self.max_disparity_px)
        return (channels / self._UNIT_PX - self.mean) / self.std

    def scaled(self, channels: Tensor, factor: Tensor | float) -> Tensor:
        """A scene at twice the depth has half the disparity."""
        return super().scaled(channels, 1 / factor)

    def into_range(self, channels: Tensor, over_range: str) -> tuple[Tensor, Tensor]:
        """Far is small here: there is nothing to bring into range."""
        return self.clean(channels), channels.new_ones(len(channels))
