"""One call to a model, two calls to use it."""

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from mmvd import ops
from mmvd.errors import ConfigError, SampleError
from mmvd.models.completers import DepthCompleter
from mmvd.models.weights import attach, check_encoding, check_fills, load_checkpoint
from mmvd.registry import MODELS

_CONFIGS = Path(__file__).parents[2] / 'configs'


class VDModel:
    """A depth completer ready for use: eval mode, no gradients.

    Args:
        completer: The model.
        device: Where it runs.
    """

    def __init__(self, completer: torch.nn.Module, device: torch.device):
        self.completer, self.device = completer.to(device).eval(), device

    @torch.no_grad()
    def encode(
        self, rgb: np.ndarray | Tensor, depth: np.ndarray | Tensor | None = None
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Encode images.

        Args:
            rgb: (H, W, 3) uint8 array in RGB order, or (B, 3, H, W) uint8 or float tensor in 0..255.
            depth: (H, W) array or (B, 1, H, W) tensor, metres, 0 = missing; None for an image without depth.

        Returns:
            Four maps (B, C, h, w), finest first, and the depth stream's normalised class token (B, D).
        """
        backbone, inputs = self.completer.backbone, self._inputs(rgb, depth)
        features = backbone.encode_rgb(inputs[:, :3])
        fused, _ = backbone.encode_depth(inputs[:, 3:], features)
        return backbone.outputs(features, fused, inputs.shape[-2:]), backbone.depth_stream.norm(fused.cls_token)

    @torch.no_grad()
    def complete(self, rgb: np.ndarray | Tensor, depth: np.ndarray | Tensor | None = None) -> np.ndarray | Tensor:
        """Complete depth maps.

        Args:
            rgb: As in :meth:`encode`.
            depth: As in :meth:`encode`.

        Returns:
            Metres at the size of the input: (H, W) float32 array for arrays, (B, 1, H, W) tensor for tensors.
        """
        pred = self.completer(self._inputs(rgb, depth))
        return pred if isinstance(rgb, Tensor) else pred[0, 0].cpu().numpy()

    def _inputs(self, rgb: np.ndarray | Tensor, depth: np.ndarray | Tensor | None) -> Tensor:
        if not isinstance(rgb, Tensor):
            rgb = torch.from_numpy(np.ascontiguousarray(rgb)).movedim(-1, 0)[None]
        if rgb.ndim != 4 or rgb.shape[1] != 3:
            raise SampleError(f'rgb must be (H, W, 3) or (B, 3, H, W), got {tuple(rgb.shape)}')
        if depth is None:
            depth = torch.zeros(len(rgb), 1, *rgb.shape[-2:])
        elif not isinstance(depth, Tensor):
            depth = torch.from_numpy(np.ascontiguousarray(depth))[None, None]
        if tuple(depth.shape) != (len(rgb), 1, *rgb.shape[-2:]):
            raise SampleError(
                f'depth {tuple(depth.shape)} does not fit rgb {tuple(rgb.shape)}: one (B, 1, H, W) map per image'
            )
        if rgb.is_floating_point() and 0 < rgb.max() <= 1:
            raise SampleError(f'rgb is floating-point with a maximum of {float(rgb.max()):.3g}: give 0..255')
        pre = self.completer.data_preprocessor
        return torch.cat(
            ((rgb.to(self.device).float() - pre.mean) / pre.std, ops.clean_depth(depth.to(self.device)).float()), 1
        )


def find_config(config_or_name: str | Path | Config) -> Config:
    """Config from a path, from a name like ``vd/pretrain_dinov2_pde`` or ``pretrain_dinov2_pde``, or as it is.

    Raises:
        ConfigError: If there is no such config.
    """
    if isinstance(config_or_name, Config):
        return config_or_name
    if Path(config_or_name).is_file():
        return Config.fromfile(config_or_name)
    found = [] if str(config_or_name).endswith('.py') else sorted(_CONFIGS.glob(f'**/{config_or_name}.py'))
    if len(found) > 1:
        names = ', '.join(path.relative_to(_CONFIGS).with_suffix('').as_posix() for path in found)
        raise ConfigError(f'{config_or_name}: several configs have this name: say {names}')
    if not found:
        names = ', '.join(sorted(path.stem for path in _CONFIGS.glob('vd/*.py')))
        raise ConfigError(f'{config_or_name}: no such config file, and no such name among {names}')
    return Config.fromfile(found[0])


def load_model(
    config_or_name: str | Path | Config, checkpoint: str | Path | None = None, device: str | torch.device | None = None
) -> VDModel:
    """Build a model and fill it.

    Args:
        config_or_name: Config file, its name, or a config.
        checkpoint: Checkpoint of the whole model. None: the checkpoint (``load_from``) or the RGB weights that the
            config names; a config that names neither asks for a random model.
        device: Where the model runs; an accelerator if there is one, by default.

    Raises:
        ConfigError: If there is no such config, or it is none of depth completion.
        WeightsError: If weights are missing, unsafe or do not fit.
    """
    config = find_config(config_or_name)
    model = build_filled(config, checkpoint or config.get('load_from'))
    if (
        not isinstance(model, DepthCompleter)
        or model.backbone.depth_encoding is None
        or model.backbone.depth_stream is None
    ):
        raise ConfigError(
            f'{config.filename or "the config"}: load_model serves mmvd.DepthCompleter on metric depth; for other '
            'tasks take '
            'init_model of mmseg.apis or mmdet.apis, or RGBDClassificationInferencer of mmvd.apis'
        )
    return VDModel(model, default_device(device))


def build_filled(config: Config, checkpoint: str | Path | None) -> torch.nn.Module:
    """Build the model of a config and fill it from a checkpoint, or with the weights that the config names.

    Raises:
        WeightsError: If weights are missing, unsafe or do not fit.
    """
    model = MODELS.build(config.model)
    if checkpoint is None:
        if model.backbone.init_cfg:
            # not the whole model: mmengine would print a paragraph for each of its parameters
            model.backbone.init_weights()
        return model
    content = load_checkpoint(checkpoint)
    attach(content, model, str(checkpoint))
    check_encoding(model.backbone, content, str(checkpoint))
    state = content.get('state_dict', content)
    check_fills(model, state, str(checkpoint))
    model.load_state_dict(state, strict=False)
    return model


def check_device(device: str) -> None:
    """Refuse a GPU where there is none.

    Raises:
        ConfigError: If none is visible to torch.
    """
    if device.startswith('cuda') and not torch.cuda.is_available():
        raise ConfigError(f'--device {device}: no GPU is visible to torch here, leave --device out')


def default_device(device: str | torch.device | None) -> torch.device:
    """The device asked for, or an accelerator if there is one."""
    return torch.device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
