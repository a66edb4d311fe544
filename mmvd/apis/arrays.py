"""From whatever holds an image or a depth map to a batch: one rule for layouts, values and units."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from mmvd.datasets.decoders import FARTHEST_M, FLOAT_FORMATS, decoder_of, get_decoder, read_depth, read_npy, suspicion
from mmvd.datasets.headers import frames_of, known_orientation
from mmvd.datasets.rasters import check_upright, read_image, shown
from mmvd.errors import ConfigError, SampleError
from mmvd.ops import clean_depth

UNITS = dict(m=1.0, mm=1000.0)  # steps per metre
_CLIPPED, _BRIGHTEST_OF_ONE = np.iinfo(np.uint16).max, 2.0


def is_path(value: object) -> bool:
    """Whether a value names a file or a folder."""
    return isinstance(value, (str, bytes, os.PathLike))


def as_path(value: str | bytes | os.PathLike) -> Path:
    """A path of any bytes."""
    return Path(os.fsdecode(value))


def check_unit(unit: str | None) -> None:
    """Refuse an unknown unit.

    Raises:
        ConfigError: If it is none of ``UNITS``; None means metres, suspected where values are whole numbers.
    """
    if unit is not None and (not isinstance(unit, str) or unit not in UNITS):
        raise ConfigError(f'depth_unit must be one of {", ".join(UNITS)}, got {unit!r}')


def rgb_batch(value: object, has_depth: bool = False) -> tuple[Tensor, bool]:
    """Bring images to one layout.

    Args:
        value: (H, W, 3) or (3, H, W), or a batch of either: array, tensor, or a PIL image, or an image file. RGB order,
            0..255; three channels at both ends are taken as the last of an array and the first of a tensor.
        has_depth: Whether depth goes with it: then EXIF data must not turn it.

    Returns:
        (B, 3, H, W), uint8 or float32, and whether there was a batch.

    Raises:
        SampleError: If layout or values are none of an 8-bit RGB image; names the remedy.
    """
    if is_path(value):
        path = as_path(value)
        image, is_turned = read_image(path)
        check_upright(is_turned and has_depth, shown(path))
        value = image[..., ::-1]
    elif isinstance(value, Image.Image):
        value = _array_of_pil(value, has_depth)
    x = _tensor(value, 'rgb')
    is_batch = x.ndim == 4
    x = x if is_batch else x[None]
    ends = (x.shape[-1] == 3, x.shape[1] == 3) if x.ndim == 4 else (False, False)
    if not any(ends) or not x.numel():
        raise SampleError(f'rgb must be (H, W, 3) or (3, H, W), or a batch of them, got {tuple(np.shape(value))}')
    channels_last = ends[0] and not (ends[1] and isinstance(value, Tensor))
    x = x.permute(0, 3, 1, 2) if channels_last else x
    return _check_colours(x), is_batch


def _check_colours(x: Tensor) -> Tensor:
    """8-bit values, whatever holds them."""
    if x.dtype == torch.uint8:
        return x
    if x.dtype == torch.bool or x.is_complex():
        raise SampleError(f'rgb is {x.dtype} where colours in 0..255 are expected: convert it to uint8')
    if x.dtype in (torch.uint16, torch.uint32, torch.uint64):
        x = x.to(torch.int64)
    is_float = x.is_floating_point()
    x = x.float() if is_float and x.element_size() == 1 else x  # torch compares no 8-bit floats
    low, high = float(x.min()), float(x.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise SampleError('rgb holds NaN or infinite values: give 0..255')
    if high > 255 or low < 0:
        raise SampleError(
            f'rgb runs from {low:.5g} to {high:.5g} where 0..255 is expected: bring 16-bit colour to 8 bits '
            '(x / 257), undo a normalisation'
        )
    x = x.float()
    brightest = x.flatten(1).amax(1)  # of each image alone; a little above 1 is an overshoot of resampling
    dark = (brightest > 0) & (brightest < _BRIGHTEST_OF_ONE)
    if is_float and dark.any():
        raise SampleError(
            f'rgb is floating-point with a maximum of {float(brightest[dark][0]):.3g}: give 0..255 (x * 255)'
        )
    return x


def depth_batch(
    value: object, shape: tuple[int, int, int], unit: str | None = None, decoder: str | None = None, name: str = 'depth'
) -> Tensor:
    """Bring depth maps to one layout and to metres.

    Args:
        value: (H, W), also with an axis of length 1, or a batch: array, tensor, or a PIL image, or a depth file; None
            where there is no depth.
        shape: (B, H, W) of the images.
        unit: ``'m'`` or ``'mm'`` of arrays and float files; None means metres, in which whole numbers and kilometres
            are suspected. Files of whole numbers say their unit by their decoder. 65535 mm is the clipped end of 16
            bits, missing, unless a map holds more.
        decoder: Format of a depth file; None goes by its ending (PNG: millimetres). Arrays have none.
        name: What it is called, for errors.

    Returns:
        (B, 1, H, W) float32, or float64 for float64: metres, 0 = missing.

    Raises:
        SampleError: If the layout does not fit, or the values look like another unit; names the remedy.
        DepthFileError: If a file cannot be read.
        ConfigError: If unit or decoder is unknown, or a decoder is named for what is no file.
    """
    check_unit(unit)
    if decoder is not None:
        get_decoder(decoder)
    if value is None:
        return torch.zeros(shape[0], 1, *shape[1:])
    if is_path(value):
        path, name = as_path(value), shown(as_path(value))
        value, unit = _read_depth_file(path, decoder or decoder_of(path), unit)
    elif decoder is not None:
        raise ConfigError(f'decoder={decoder!r}: {name} is no file: bring its values to metres, or say depth_unit')
    elif isinstance(value, Image.Image):
        value = _depth_of_pil(value, name)
    x = _tensor(value, name)
    if [side for side in x.shape if side != 1] != [side for side in shape if side != 1]:
        raise SampleError(
            f'{name} {tuple(x.shape)} does not fit rgb, {shape[0]} of {shape[1:]}: one (H, W) map for each image, '
            'registered to it and of its size (or bring the image to the size of its depth)'
        )
    return _metres(x.reshape(shape[0], 1, *shape[1:]), unit, name)


def _read_depth_file(path: Path, decoder: str, unit: str | None) -> tuple[np.ndarray, str | None]:
    """Values of a file, and their unit."""
    if decoder == 'npy' and unit is not None:  # whole numbers are legal where their unit is said
        values = read_npy(path)
        return (np.where(values < FARTHEST_M, values, 0) if unit == 'm' else values), unit
    if decoder in FLOAT_FORMATS:  # millimetres are not judged as metres, which end at 10 km
        return (get_decoder(decoder).read(str(path)) if unit == 'mm' else read_depth(path, decoder)), unit
    if unit not in (None, 'mm' if decoder == 'mm16' else None):
        raise ConfigError(
            f'{shown(path)}: depth_unit={unit!r}, but {decoder} files say their unit themselves: name another decoder'
        )
    return read_depth(path, decoder), None


def _metres(x: Tensor, unit: str | None, name: str) -> Tensor:
    if x.dtype == torch.bool or x.is_complex():
        raise SampleError(f'{name} is {x.dtype} where metres are expected')
    if not x.is_floating_point():
        if unit is None:
            raise SampleError(
                f"{name} is {x.dtype}, and whole numbers are seldom metres: say depth_unit='mm' or depth_unit='m', or "
                'name the decoder of a file'
            )
        x = x.to(torch.int64)  # torch compares no unsigned numbers
    if not x.is_floating_point() or unit == 'mm':
        more = ((x > _CLIPPED) & torch.isfinite(x)).flatten(1).any(1)  # of each map alone
        x = x.masked_fill((x == _CLIPPED) & ~more[:, None, None, None], 0)
    x = (x if x.dtype == torch.float64 else x.float()) / UNITS[unit or 'm']
    x = clean_depth(x)
    for each in x if unit != 'm' else ():  # said, not assumed
        odd = suspicion(each.cpu().numpy())
        if odd:
            raise SampleError(
                f"{name} has {odd}: is it in millimetres? Say depth_unit='mm', or depth_unit='m' if it is right, name "
                'the decoder of a file, or set what is no measurement (sky) to 0'
            )
    return x


def _depth_of_pil(image: Image.Image, name: str) -> np.ndarray:
    if image.mode not in ('I', 'F') and not image.mode.startswith('I;16'):
        raise SampleError(f'{name} is an image of mode {image.mode}: 8-bit pictures hold no metric depth')
    values, frames, is_turned = _read_pil(image, name, image.mode)
    if frames > 1:
        raise SampleError(f'{name} has {frames} frames: choose one and copy() it')
    check_upright(is_turned, name)
    return values


def _array_of_pil(image: Image.Image, has_depth: bool) -> np.ndarray:
    if image.mode == 'CMYK' or image.mode in ('I', 'F') or image.mode.startswith('I;16'):
        raise SampleError(f'rgb is an image of mode {image.mode}: convert it to 8-bit RGB')
    upright, frames, is_turned = _read_pil(image, 'rgb', 'RGB')
    if frames > 1:
        raise SampleError(f'rgb has {frames} frames, an animation or a document: choose one and copy() it')
    check_upright(has_depth and is_turned, 'rgb')
    return upright


def _read_pil(image: Image.Image, name: str, mode: str) -> tuple[np.ndarray, int, bool]:
    """Upright, the number of frames, and whether it was turned; PIL reads a file only now."""
    try:
        is_turned = known_orientation(image.getexif().get(ExifTags.Base.Orientation)) != 1
        return np.asarray(ImageOps.exif_transpose(image).convert(mode)), frames_of(image), is_turned
    except Exception as error:  # what its plug-ins raise at damaged bytes has no common class
        raise SampleError(
            f'{name}: a PIL image of mode {image.mode} that cannot be read as {mode} ({error!r})'
        ) from error


def _tensor(value: object, name: str) -> Tensor:
    """A tensor of numbers, without a copy where that is possible."""
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_meta or value.is_nested or value.is_quantized:
            raise SampleError(f'{name} is a sparse tensor or one without values: give a dense one')
        return value.detach()
    if not isinstance(value, np.ndarray):
        raise SampleError(f'{name} is {type(value).__name__}: give an array, a tensor, a PIL image or a file name')
    if isinstance(value, np.ma.MaskedArray):
        if name.startswith('rgb'):
            raise SampleError(f'{name} is a masked array: give a plain one')
        value = value.filled(0)  # masked: no measurement
    if value.dtype.kind not in 'biufc' or not value.size:
        raise SampleError(f'{name} is an array {value.shape} of {value.dtype}: numbers are expected, at least one')
    native = value.astype(value.dtype.newbyteorder('=')) if not value.dtype.isnative else value
    native = native.astype(np.float64) if native.dtype.kind == 'f' and native.itemsize > 8 else native
    native = np.ascontiguousarray(native)
    return torch.from_numpy(native if native.flags.writeable else native.copy())  # torch takes no read-only memory
