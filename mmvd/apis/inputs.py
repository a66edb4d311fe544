"""The one reader of all inferencers: arrays, tensors, pictures, files, folders, lists and iterators become frames."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from mmvd.datasets.decoders import FLOAT_FORMATS, decoder_of, get_decoder
from mmvd.datasets.pairing import pair_folders
from mmvd.datasets.rasters import check_upright, read_image, shown
from mmvd.errors import MMVDError, SampleError

from .arrays import as_path, check_unit, depth_batch, is_path, rgb_batch


@dataclass(frozen=True)
class Frame:
    """One image with its depth.

    Attributes:
        name: Name for results: that of the file without ending, or a number.
        rgb: (H, W, 3) uint8, RGB order.
        depth_m: (H, W) float32 metres, 0 = missing; all missing where there is no depth.
        rgb_only: Whether there is no depth, or none of its pixels is a measurement.
        path: The image file, or the name.
    """

    name: str
    rgb: np.ndarray
    depth_m: np.ndarray
    rgb_only: bool
    path: str


@dataclass(frozen=True)
class Source:
    """A frame that is not read yet; its name and path for messages, how to read it, and its files."""

    name: str
    path: str
    read: Callable[[], Frame]
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class InputReader:
    """What is the same for all inputs of a call.

    Args:
        decoder: Format of depth files; None goes by their ending (PNG: millimetres).
        file_decoder: Format of depth files without float values where none is said.
        depth_unit: ``'m'`` or ``'mm'`` of arrays and float files; None means metres, in which whole numbers are
            suspected.
        turns_along: Whether depth was made from the image as its EXIF data turn it (predicted depth).
        one_by_one: Whether what is wrong with an input is told when it is read, and not before; also an image of a
            folder that has no depth file.

    Raises:
        ConfigError: If decoder or unit is unknown.
    """

    decoder: str | None = None
    file_decoder: str | None = None
    depth_unit: str | None = None
    turns_along: bool = False
    one_by_one: bool = False

    def __post_init__(self):
        check_unit(self.depth_unit)
        for name in filter(None, (self.decoder, self.file_decoder)):
            get_decoder(name)

    def sources(self, inputs: object, depth: object = None) -> Iterable[Source]:
        """Find the frames in what a user gives.

        Args:
            inputs: An image (array, tensor, PIL image, file), a batch of them, a folder, a pair ``(image, depth)`` or
                ``dict(rgb=..., depth=...)``, or a list or any iterable of these.
            depth: The same for depth, where it does not come in pairs.

        Returns:
            A list, or an iterator where ``inputs`` is one: a video is read as it comes.

        Raises:
            SampleError: If images and depth do not fit together, a folder has none, or the kind of input is unknown.
        """
        several = not is_path(inputs) and not isinstance(inputs, (np.ndarray, Tensor, Image.Image, tuple, dict))
        if not several or not isinstance(inputs, Iterable):
            found = self._expand(inputs, depth)
        else:
            found = (source for item in self._zip(inputs, depth) for source in self._expand_or_tell(*item))
            if not isinstance(inputs, Sequence):
                return self._numbered(found)
        found = list(self._numbered(found))
        if not found:
            raise SampleError('no images were given')
        return found

    @staticmethod
    def _zip(inputs: Iterable, depth: object) -> Iterator[tuple[object, object]]:
        if depth is None:
            return ((item, None) for item in inputs)
        if is_path(depth) or isinstance(depth, (np.ndarray, Tensor, Image.Image)):
            raise SampleError('one depth was given for several images: give a list of as many')
        if isinstance(inputs, Sequence) and isinstance(depth, Sequence) and len(inputs) != len(depth):
            raise SampleError(f'{len(depth)} depth maps were given for {len(inputs)} images')
        return _strictly_zipped(inputs, depth)

    def _expand_or_tell(self, image: object, depth: object = None) -> list[Source]:
        """The frames of one item, or one whose reading tells what is wrong with it."""
        try:
            return self._expand(image, depth)
        except MMVDError as error:
            if not self.one_by_one:
                raise
            return [Source('', '', partial(_raise, error))]

    def _expand(self, image: object, depth: object = None) -> list[Source]:
        """The frames of one item."""
        if isinstance(image, tuple):
            image, depth = self._pair(image, depth)
        elif isinstance(image, dict):
            unknown = set(image) - {'rgb', 'depth'}
            if unknown or 'rgb' not in image or depth is not None:
                raise SampleError(f'a dict must have the keys rgb and depth, got {", ".join(map(str, image))}')
            image, depth = image['rgb'], image.get('depth')
        if not is_path(image):
            return self._arrays(image, depth)
        image = as_path(image)
        if not os.path.isdir(image):  # also where the name is too long for one
            return [self._file(image, depth)]
        if depth is not None and not is_path(depth):
            raise SampleError(f'{shown(image)}: a folder of images needs a folder of depth files')
        pairs = pair_folders(image, None if depth is None else as_path(depth), self.one_by_one)
        return [self._of_pair(*pair, depth) for pair in pairs]

    def _of_pair(self, image: Path, depth: Path | None, folder: object) -> Source:
        """An image of a folder; that the folder of depth files has none for it is told when it is read."""
        if folder is None or depth is not None:
            return self._file(image, depth)
        error = SampleError(f'{shown(image)}: no depth file of this name in {shown(folder)}')
        return Source(image.stem, shown(image), partial(_raise, error))

    @staticmethod
    def _pair(pair: tuple, depth: object) -> tuple[object, object]:
        if len(pair) != 2 or depth is not None:
            more = '' if depth is None else ' and depth beside it'
            raise SampleError(f'a pair is (image, depth), got {len(pair)} parts{more}')
        return pair

    def _file(self, image: Path, depth: object) -> Source:
        files = (image, as_path(depth)) if is_path(depth) else (image,)
        return Source(image.stem, shown(image), lambda: self._read_file(image, depth), files)

    def _read_file(self, path: Path, depth: object) -> Frame:
        image, is_turned = read_image(path)
        check_upright(is_turned and depth is not None and not self.turns_along, shown(path))
        return self._frame(path.stem, str(path), np.ascontiguousarray(image[..., ::-1]), depth)

    def _arrays(self, image: object, depth: object) -> list[Source]:
        batch, is_batch = rgb_batch(image, has_depth=depth is not None)
        if not is_batch:
            return [self._array(batch[0], depth)]
        if depth is not None:
            shape = (len(batch), *batch.shape[-2:])
            depth = depth_batch(depth, shape, self.depth_unit, self._decoder_of(depth))[:, 0]
        return [self._array(x, None if depth is None else depth[i], known=True) for i, x in enumerate(batch)]

    def _array(self, image: Tensor, depth: object, known: bool = False) -> Source:
        def read() -> Frame:
            rgb = image.permute(1, 2, 0).round().byte().cpu().numpy()
            return self._frame('', '', np.ascontiguousarray(rgb), depth, 'm' if known else self.depth_unit)

        return Source('', '', read)

    def _frame(self, name: str, path: str, rgb: np.ndarray, depth: object, unit: str | None = None) -> Frame:
        height, width = rgb.shape[:2]
        unit = unit or self.depth_unit
        called = f'the depth of {shown(path)}' if path else 'depth'
        metres = depth_batch(depth, (1, height, width), unit, self._decoder_of(depth), called)
        depth_m = metres[0, 0].float().cpu().numpy()
        return Frame(name, rgb, depth_m, not depth_m.any(), path)

    def _decoder_of(self, depth: object) -> str | None:
        if self.decoder is None and is_path(depth) and decoder_of(as_path(depth)) not in FLOAT_FORMATS:
            return self.file_decoder
        return self.decoder

    @staticmethod
    def _numbered(found: Iterable[Source]) -> Iterator[Source]:
        """Give frames without a file the number of their place as a name."""
        for number, source in enumerate(found):
            yield source if source.name else _named(source, f'{number:08d}')


def _raise(error: MMVDError) -> Frame:
    raise error


def _named(source: Source, name: str) -> Source:
    def read() -> Frame:
        frame = source.read()
        return Frame(name, frame.rgb, frame.depth_m, frame.rgb_only, name)

    return Source(name, name, read)


def _strictly_zipped(inputs: Iterable, depth: Iterable) -> Iterator[tuple[object, object]]:
    try:
        yield from zip(inputs, depth, strict=True)
    except ValueError as error:
        if 'zip()' not in str(error):
            raise
        raise SampleError('images and depth maps differ in number') from error
