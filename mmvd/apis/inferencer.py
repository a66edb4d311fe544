"""What the inferencers of all tasks share: reading, batches, progress, results, pictures."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import MMLogger
from rich.console import Console
from rich.progress import track

from mmvd.arguments import check_flag, check_int
from mmvd.datasets.pairing import PANEL
from mmvd.errors import MemoryLimitError, MMVDError, SampleError
from mmvd.saving import save_png_atomically

from .inputs import Frame, InputReader, Source
from .memory import told_if_full
from .output import Output


class RGBDInferencer(ABC):
    """Predicts from RGB-D images, by the conventions of mmengine's inferencers."""

    reader_settings: dict = {}  # of this task, for InputReader
    files: tuple[str, ...] = ()  # endings of the files that a result may leave

    def __call__(
        self,
        inputs: object,
        depth: object = None,
        *,
        decoder: str | None = None,
        depth_unit: str | None = None,
        batch_size: int = 1,
        show_progress: bool = False,
        return_vis: bool = False,
        out_dir: str | Path | None = None,
        no_save_vis: bool = False,
        no_save_pred: bool = False,
        overwrite: bool = False,
        skip_existing: bool = False,
        skip_unreadable: bool = False,
    ) -> dict:
        """Predict, and keep the results.

        Args:
            inputs: An image (array, tensor, PIL image, file) in RGB order, a batch of them, a folder, a pair ``(image,
                depth)``, or a list or any iterable of these; see :class:`InputReader`.
            depth: The same for depth, where it does not come in pairs; metres, 0 = missing. None: colour alone, and the
                results say so (``rgb_only``).
            decoder: Format of depth files; None takes that of the config's test data if the inferencer has such (SUN
                RGB-D: ``sunrgbd``), else goes by their ending (PNG: millimetres).
            depth_unit: ``'m'`` or ``'mm'`` of arrays and float files; None means metres, in which whole numbers are
                suspected.
            batch_size: Images of one size that are computed at once.
            show_progress: Whether a bar with the remaining time is drawn.
            return_vis: Whether pictures are returned.
            out_dir: Folder of results and pictures.
            no_save_vis: Whether pictures are not written there.
            no_save_pred: Whether results are not written there.
            overwrite: Whether files there may be replaced.
            skip_existing: Whether inputs whose results are there, whole, are passed over and listed: to go on where a
                call was interrupted. A result of which only a part is there is replaced with ``overwrite`` alone.
            skip_unreadable: Whether inputs that cannot be read are passed over and listed, instead of ending the call.

        Returns:
            ``predictions`` (a dict for each image, in order), ``visualization`` ((h, w, 3) uint8 RGB pictures, empty
            unless asked for), ``failures`` (name and message of what was passed over) and ``skipped`` (names of those
            whose results were there).

        Raises:
            SampleError: If an input cannot be read, or image and depth do not fit together.
            DepthFileError: If a depth file cannot be read.
            ConfigError: If an argument cannot work, or a result would replace a file.
            MemoryLimitError: If the images do not fit into memory.
            SavingError: If a result cannot be written, though the folder could be.
        """
        found = dict(predictions=[], visualization=[], failures=[], skipped=[])
        settings = dict(
            decoder=decoder,
            depth_unit=depth_unit,
            batch_size=batch_size,
            show_progress=show_progress,
            return_vis=return_vis,
            out_dir=out_dir,
            no_save_vis=no_save_vis,
            no_save_pred=no_save_pred,
            overwrite=overwrite,
            skip_existing=skip_existing,
            failures=found['failures'] if skip_unreadable else None,
            skipped=found['skipped'],
        )
        for prediction, picture in self.stream(inputs, depth, **settings):
            found['predictions'].append(prediction)
            found['visualization'] += [picture] if return_vis else []
        return found

    def stream(
        self,
        inputs: object,
        depth: object = None,
        *,
        decoder: str | None = None,
        depth_unit: str | None = None,
        batch_size: int = 1,
        show_progress: bool = False,
        return_vis: bool = False,
        out_dir: str | Path | None = None,
        no_save_vis: bool = False,
        no_save_pred: bool = False,
        overwrite: bool = False,
        skip_existing: bool = False,
        failures: list | None = None,
        skipped: list | None = None,
    ) -> Iterator[tuple[dict, np.ndarray | None]]:
        """Predict one after the other and keep nothing: for videos and large folders.

        The arguments are those of a call, but for ``skip_unreadable``: ``failures`` is a list that takes what cannot be
        read or, alone, does not fit into memory, None ends at it; ``skipped`` is one that takes the names of what is
        there already.

        Yields:
            A prediction, and its picture or None.
        """
        owner = type(self).__name__
        check_int(owner, 'batch_size', batch_size)
        flags = dict(no_save_vis=no_save_vis, no_save_pred=no_save_pred, return_vis=return_vis)
        flags.update(overwrite=overwrite, skip_existing=skip_existing)
        for name, flag in flags.items():
            check_flag(owner, name, flag)
        given = _given(decoder=decoder, depth_unit=depth_unit, one_by_one=failures is not None)
        sources = InputReader(**dict(self.reader_settings, **given)).sources(inputs, depth)
        endings = [*(() if no_save_pred else self.files), *(() if no_save_vis else (PANEL,))]
        output = Output(out_dir, endings, overwrite, skip_existing, skipped)
        sources = output.todo(sources)
        sources = self._tracked(sources) if show_progress else sources
        for frames in _batches(_read(sources, failures), batch_size):
            for frame, prediction in self._predict_all(frames, failures):
                save_vis = output.folder is not None and not no_save_vis
                picture = self.picture(frame, prediction) if return_vis or save_vis else None
                if output.folder is not None and not no_save_pred:
                    self.save(frame, prediction, output.folder)
                if save_vis:
                    save_png_atomically(picture, output.folder / f'{frame.name}{PANEL}')
                yield prediction, picture

    @abstractmethod
    def predict(self, frames: list[Frame]) -> list[dict]:
        """Predict for frames of one size: a dict each."""

    @abstractmethod
    def picture(self, frame: Frame, prediction: dict) -> np.ndarray:
        """A picture of a result: (h, w, 3) uint8, RGB order."""

    @abstractmethod
    def save(self, frame: Frame, prediction: dict, folder: Path) -> None:
        """Write a result below a folder, under names that begin with that of the frame."""

    def _predict_all(self, frames: list[Frame], failures: list | None) -> list[tuple[Frame, dict]]:
        """Each frame with its prediction; one alone that does not fit into memory or model goes to ``failures``."""
        if any(frame.rgb_only for frame in frames):
            _say_once(type(self).__name__)
        height, width = frames[0].depth_m.shape
        what = f'{frames[0].path}: {len(frames)} image(s) of {width}x{height}'
        try:
            with told_if_full(what, 'take a smaller batch_size or size, or smaller images'), torch.no_grad():
                predictions = self.predict(frames)
        except (MemoryLimitError, SampleError) as error:
            if failures is None or isinstance(error, MemoryLimitError) and len(frames) > 1:
                raise
            if len(frames) > 1:  # one of them
                return [found for frame in frames for found in self._predict_all([frame], failures)]
            failures.append((frames[0].path, str(error)))
            return []
        return [
            (frame, dict(prediction, name=frame.name, rgb_only=frame.rgb_only))
            for frame, prediction in zip(frames, predictions, strict=True)
        ]

    def _tracked(self, sources: Iterable[Source]) -> Iterable[Source]:
        total = len(sources) if isinstance(sources, list) else None
        return track(sources, type(self).__name__, total, console=Console(file=sys.stderr))


def _given(**arguments) -> dict:
    return {name: value for name, value in arguments.items() if value is not None}


def _read(sources: Iterable[Source], failures: list | None) -> Iterator[Frame]:
    for source in sources:
        try:
            yield source.read()
        except MMVDError as error:
            if failures is None:
                raise
            failures.append((source.path, str(error)))


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Neighbours of one size, at most ``size`` of them.

    A full batch waits for no further frame; a smaller one is given before an error of the source goes on.
    """
    batch: list[Frame] = []
    try:
        for frame in frames:
            if batch and batch[0].rgb.shape != frame.rgb.shape:
                yield batch
                batch = []
            batch.append(frame)
            if len(batch) == size:
                yield batch
                batch = []
    except Exception:  # whatever a camera or a file raises
        if batch:
            yield batch
        raise
    if batch:
        yield batch


_said: set[str] = set()


def _say_once(name: str) -> None:
    if name not in _said:
        _said.add(name)
        MMLogger.get_current_instance().warning(
            f'{name}: an image without depth: the answer comes from colour alone (rgb_only in the result)'
        )
