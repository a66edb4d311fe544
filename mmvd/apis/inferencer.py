"""Complete depth files of images, one or many."""

import re
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from mmvd.datasets.decoders import get_decoder, read_depth, to_millimetres
from mmvd.datasets.rasters import look_at_image
from mmvd.engine.atomic_backend import save_png_atomically
from mmvd.errors import SampleError
from mmvd.visualization import completion_panel

from .model import VDModel, load_model

_IMAGE_ENDINGS = ('.png', '.jpg', '.jpeg', '.bmp', '.webp')


class DepthCompletionInferencer:
    """Reads pairs of files, completes the depth, writes it back as 16-bit millimetres with a picture.

    Args:
        model: A model, or what :func:`load_model` takes as its first argument.
        checkpoint: See :func:`load_model`.
        device: See :func:`load_model`.
    """

    def __init__(self, model: VDModel | str | Path, checkpoint: str | Path | None = None, device: str | None = None):
        self.model = model if isinstance(model, VDModel) else load_model(model, checkpoint, device)

    def __call__(
        self,
        pairs: Iterable[tuple[str | Path, str | Path | None]],
        decoder: str = 'mm16',
        out_dir: str | Path | None = None,
    ) -> list[np.ndarray]:
        """Complete.

        Args:
            pairs: Image file and depth file (or None for an image without depth).
            decoder: Format of the depth files.
            out_dir: Folder for ``<image name>_depth.png`` (millimetres, 0 beyond 65.534 m) and ``<image
                name>_panel.png``.

        Returns:
            One (H, W) float32 map in metres per pair.

        Raises:
            SampleError: If an image cannot be read or a pair does not lie on each other.
            DepthFileError: If a depth file cannot be read.
            ConfigError: If the decoder is unknown.
            SavingError: If a result cannot be written.
        """
        get_decoder(decoder)
        results = []
        for image_path, depth_path in pairs:
            rgb, depth = read_pair(image_path, depth_path, decoder)
            results.append(self.model.complete(rgb, depth))
            if out_dir is not None:
                self._write(Path(out_dir), Path(image_path).stem, rgb, depth, results[-1])
        return results

    @staticmethod
    def _write(folder: Path, name: str, rgb: np.ndarray, depth: np.ndarray, completed: np.ndarray) -> None:
        save_png_atomically(to_millimetres(completed), folder / f'{name}_depth.png')
        save_png_atomically(completion_panel(rgb, depth[None], completed[None], depth), folder / f'{name}_panel.png')


def read_pair(
    image_path: str | Path, depth_path: str | Path | None, decoder: str, turns_along: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 RGB, turned as its EXIF data say, and (H, W) float32 metres, all missing without a depth file.

    Args:
        image_path: Image file.
        depth_path: Depth file or None.
        decoder: Format of the depth file.
        turns_along: Whether the depth was made from the turned image (predicted depth).

    Raises:
        SampleError: If the image cannot be read, the two differ in size, or EXIF data turn the image alone.
        DepthFileError: If the depth file cannot be read.
    """
    _, is_turned = look_at_image(str(image_path))
    if is_turned and depth_path and not turns_along:
        raise SampleError(
            f'{image_path}: its EXIF data turn or mirror it, which its depth knows nothing of: save it upright'
        )
    rgb = _read_rgb(image_path)
    depth = read_depth(depth_path, decoder) if depth_path else np.zeros(rgb.shape[:2], np.float32)
    if depth.shape != rgb.shape[:2]:
        raise SampleError(
            f'{depth_path}: depth is {depth.shape} but {image_path} is {rgb.shape[:2]}: register them first'
        )
    return rgb, depth


def pairs_of(images: str | Path, depths: str | Path | None) -> list[tuple[Path, Path | None]]:
    """One image with its depth file, or the images of a folder with the depth files of another (or of the same one).

    Files belong together if their names agree but for endings like ``_rgb``, ``_color`` and ``_depth``; a file whose
    name ends with ``depth`` is no image.

    Raises:
        SampleError: If there is no image or no such folder, or an image of a folder has no depth file.
    """
    images = Path(images)
    if not images.is_dir():
        return [(images, depths and Path(depths))]
    found = sorted(
        path for path in images.iterdir() if path.suffix.lower() in _IMAGE_ENDINGS and not path.stem.endswith('depth')
    )
    if not found:
        raise SampleError(f'{images}: no images in this folder')
    if depths is None:
        return [(path, None) for path in found]
    if not Path(depths).is_dir():
        raise SampleError(f'{depths}: no such folder of depth files')
    by_name = {_common_name(path): path for path in Path(depths).iterdir() if path not in found}
    missing = [path for path in found if _common_name(path) not in by_name]
    if missing:
        raise SampleError(
            f'{missing[0]}: no depth file of this name in {depths} ({len(missing)} of {len(found)} images have none)'
        )
    return [(path, by_name[_common_name(path)]) for path in found]


def _common_name(path: Path) -> str:
    return re.sub(r'[-_.]?(rgb|color|image|depth)$', '', path.stem)


def _read_rgb(path: str | Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SampleError(f'{path}: no readable image')
    return image[..., ::-1]
