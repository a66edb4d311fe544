"""A depth completer ready for use."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmvd import ops
from mmvd.arguments import check_flag, check_int, check_intrinsics
from mmvd.datasets.cameras import intrinsics_matrix, rescale_intrinsics, tell_of_guess, tell_of_place
from mmvd.errors import ConfigError, SampleError
from mmvd.models.backbones import StreamFeatures, VDViT

from .arrays import depth_batch, rgb_batch
from .devices import autocast, check_dtype, find_device
from .memory import fitting_size, told_if_full

_TRIED_ON_CPU = 1024  # pixels: seconds


class VDModel:
    """Encodes and completes: eval mode, no gradients, the same answer every time.

    Images are given as (H, W, 3) or (3, H, W) arrays or tensors in RGB order, 0..255, batches of them, PIL images or
    image files; depth as metres on the same grid, 0 = missing, or a depth file. Without depth everything comes from
    colour alone.

    Args:
        completer: The model.
        device: Where it runs.
    """

    def __init__(self, completer: torch.nn.Module, device: torch.device):
        self.completer, self.device, self.dtype = completer.to(device).eval(), device, torch.float32

    def to(
        self,
        *where: str | torch.device | torch.dtype,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> 'VDModel':
        """Move to a device, or choose the precision: ``torch.bfloat16`` and ``float16`` mean autocast.

        Weights, depth encoding and metric decoding stay in full precision: half of it would cost millimetres.

        Args:
            *where: Devices or precisions, as torch's own ``to`` takes them.
            device: The same by name.
            dtype: The same by name.

        Raises:
            ConfigError: If there is no such device or precision.
        """
        for each in (*where, *(one for one in (device, dtype) if one is not None)):
            if isinstance(each, torch.dtype):
                self.dtype = check_dtype(each)
            else:
                self.device = find_device(each)
                self.completer.to(self.device)
        return self

    def half(self) -> 'VDModel':
        """The same as ``to(torch.float16)``."""
        return self.to(torch.float16)

    def bfloat16(self) -> 'VDModel':
        """The same as ``to(torch.bfloat16)``."""
        return self.to(torch.bfloat16)

    @torch.no_grad()
    def encode(
        self,
        rgb: object,
        depth: object = None,
        depth_unit: str | None = None,
        intrinsics: Sequence[float] | None = None,
        decoder: str | None = None,
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Encode images.

        Args:
            rgb: Images, see the class.
            depth: Depth, see the class; None for images without depth.
            depth_unit: ``'m'`` or ``'mm'``; None means metres, in which whole numbers are suspected.
            intrinsics: ``(fx, fy, cx, cy)`` in pixels, for encodings that need the camera; None: it is guessed.
            decoder: Format of a depth file; None goes by its ending (PNG: millimetres).

        Returns:
            Four maps (B, C, h, w), finest first, and the depth stream's normalised class token (B, D); the mean token
            of an encoder without one.

        Raises:
            SampleError: If layout or values are not what they should be; names the remedy.
        """
        with told_if_full('the images', 'encode fewer or smaller ones at once'), self._precision():
            images, depth, _ = _read(rgb, depth, depth_unit, decoder)
            return self.completer.backbone.encode(self._inputs(images, depth, None, intrinsics))

    @torch.no_grad()
    def streams(
        self,
        rgb: object,
        depth: object = None,
        size: int | None = None,
        depth_unit: str | None = None,
        intrinsics: Sequence[float] | None = None,
    ) -> tuple[StreamFeatures, StreamFeatures, tuple[int, int]]:
        """Tokens of both streams.

        Args:
            rgb: Images, see the class.
            depth: Depth, see the class.
            size: As in :meth:`complete`.
            depth_unit: As in :meth:`complete`.
            intrinsics: As in :meth:`complete`.

        Returns:
            Features of the RGB stream and of the depth stream after each fusion, and the (rows, columns) of patches.

        Raises:
            ConfigError: If the encoder has no two streams.
        """
        backbone = self.completer.backbone
        if not isinstance(backbone, VDViT):
            raise ConfigError(f'{type(backbone).__name__} has no two streams of tokens to look at, take a VDViT')
        with told_if_full('the images', 'take a smaller size, or fewer at once'), self._precision():
            inputs = self._inputs(*_read(rgb, depth, depth_unit)[:2], size, intrinsics)
            features = backbone.encode_rgb(inputs[:, :3])
            fused = backbone.encode_depth(inputs[:, 3:], features)[0]
            return features, fused, tuple(-(-side // backbone.patch_size) for side in inputs.shape[-2:])

    @torch.no_grad()
    def complete(
        self,
        rgb: object,
        depth: object = None,
        size: int | None = None,
        keep_input: bool = False,
        depth_unit: str | None = None,
        intrinsics: Sequence[float] | None = None,
        decoder: str | None = None,
    ) -> np.ndarray | Tensor | list:
        """Complete depth maps.

        Args:
            rgb: Images, see the class; or a list of them, of any sizes.
            depth: Depth, see the class; a list where ``rgb`` is one.
            size: Shorter side in pixels at which the network works; None works at the size of the input. The cost falls
                with the square of the size and more; what is lost are fine structures and, of dense maps, points.
            keep_input: Whether measured pixels pass through and the seams around them are blended, see
                :func:`mmvd.ops.keep_measured`.
            depth_unit: ``'m'`` or ``'mm'``; None means metres, in which whole numbers are suspected.
            intrinsics: ``(fx, fy, cx, cy)`` in pixels, for encodings that need the camera; None: it is guessed.
            decoder: Format of a depth file; None goes by its ending (PNG: millimetres).

        Returns:
            Metres at the size of the input, 0 = no prediction: (H, W) for one image, (B, H, W) for a batch of arrays,
            (1, H, W) and (B, 1, H, W) for tensors, a list for a list.

        Raises:
            SampleError: If layout or values are not what they should be; names the remedy.
            ConfigError: If a unit, decoder or flag is none.
            MemoryLimitError: If the images do not fit into memory; names a size that does.
        """
        check_flag('VDModel', 'keep_input', keep_input)
        if isinstance(rgb, (list, tuple)):
            depths = [None] * len(rgb) if depth is None else depth
            if not isinstance(depths, (list, tuple)) or len(depths) != len(rgb):
                raise SampleError(f'a list of {len(rgb)} images needs a list of as many depth maps')
            settings = (size, keep_input, depth_unit, intrinsics, decoder)
            return [self.complete(*each, *settings) for each in zip(rgb, depths, strict=True)]
        with told_if_full('the images', lambda: self._what_fits(rgb, depth, size, depth_unit, decoder)):
            images, metres, is_batch = _read(rgb, depth, depth_unit, decoder)
            pred = self._complete(images, metres, size, intrinsics)
            if keep_input:
                pred = ops.keep_measured(pred, metres.to(pred))
        if isinstance(rgb, Tensor):
            return pred if is_batch else pred[0]
        array = pred[:, 0].cpu().numpy()
        return array if is_batch else array[0]

    def _what_fits(self, rgb: object, depth: object, size: int | None, unit: str | None, decoder: str | None) -> str:
        images, metres, _ = _read(rgb, depth, unit, decoder)
        one = (images[:1].clone(), metres[:1].clone())
        failed = size or min(images.shape[-2:])
        if self.device.type == 'cpu':  # systems promise more memory than there is, and end who takes it
            failed = min(failed, _TRIED_ON_CPU)
        del images, metres
        return fitting_size(lambda smaller: self._complete(*one, smaller), failed)

    def _complete(self, images: Tensor, depth: Tensor, size: int | None, intrinsics=None) -> Tensor:
        """(B, 1, H, W) float32 metres at the size of the input."""
        native = images.shape[-2:]
        with self._precision():
            pred = self.completer(self._inputs(images, depth, size, intrinsics)).float()
        if pred.shape[-2:] != native:
            pred = F.interpolate(pred, native, mode='bilinear')
        return ops.clean_depth(pred)

    def _precision(self):
        return autocast(self.device, self.dtype)

    def _inputs(self, images: Tensor, depth: Tensor, size: int | None = None, intrinsics=None) -> Tensor:
        """(B, 3 + k, h, w) at the working resolution, whose sides are whole patches; in full precision."""
        images, depth = images.to(self.device).float(), ops.clean_depth(depth.to(self.device)).float()
        native, patch = images.shape[-2:], self.completer.backbone.patch_size
        if size is not None:
            check_int('VDModel', 'size', size, patch)
            working = tuple(max(round(side * size / min(native) / patch), 1) * patch for side in native)
            images = F.interpolate(images, working, mode='bilinear', antialias=True)
            depth = ops.resize_depth(depth, working)
        camera = None
        if intrinsics is not None:
            matrix = intrinsics_matrix(*check_intrinsics('VDModel', intrinsics))
            tell_of_place(*matrix[:2, 2].tolist(), native[1], native[0])
            scale = [new / old for new, old in zip(images.shape[-2:], native, strict=True)]
            camera = torch.from_numpy(rescale_intrinsics(matrix, scale[1], scale[0])).to(self.device)
            camera = camera.expand(len(images), -1, -1)
        pre, encoding = self.completer.data_preprocessor, self.completer.backbone.depth_encoding
        if camera is None and encoding.reads != 'metres':
            tell_of_guess(type(encoding).__name__)
        with torch.autocast(self.device.type, enabled=False):
            channels = encoding.channels(depth, camera)
        return torch.cat(((images - pre.mean) / pre.std, channels), 1)


def _read(
    rgb: object, depth: object, depth_unit: str | None, decoder: str | None = None
) -> tuple[Tensor, Tensor, bool]:
    """(B, 3, H, W) images, (B, 1, H, W) metres, and whether there was a batch."""
    images, is_batch = rgb_batch(rgb, has_depth=depth is not None)
    return images, depth_batch(depth, (len(images), *images.shape[-2:]), depth_unit, decoder), is_batch
