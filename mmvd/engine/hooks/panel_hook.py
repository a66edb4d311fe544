"""Pictures of validations, bounded in number."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmvd.arguments import check_int
from mmvd.saving import save_png_atomically

from .model_of import first_view
from .stage_of import stage_of


class PanelHook(Hook):
    """Base of hooks that draw the first samples of validations and tests.

    Pictures go to ``<log folder>/panels/epoch<NNN>_sample<N>.png`` (``iter<NNN>`` of loops without epochs), those of a
    test to ``test_sample<N>.png``, and to the visualizer backends. Of a long training as many validations are drawn as
    ``max_validations`` says, spread evenly, and the last one.

    Args:
        max_samples: Pictures per validation.
        max_validations: Validations of a training that are drawn.
    """

    def __init__(self, max_samples: int = 4, max_validations: int = 20):
        self.max_samples = check_int(type(self).__name__, 'max_samples', max_samples, 0)
        self.max_validations = check_int(type(self).__name__, 'max_validations', max_validations)

    def pictures(self, batch: dict, outputs: Sequence, metainfo: dict) -> Iterator[np.ndarray]:
        """Draw a batch.

        Args:
            batch: As the loader made it; of one that is augmented at test the first view.
            outputs: What the model answered, one for each sample.
            metainfo: That of the dataset.

        Yields:
            For each sample a (H, W, 3) uint8 RGB picture, drawn only where it is wanted.
        """
        raise NotImplementedError

    def _before_epoch(self, runner, mode: str = 'train') -> None:
        self._stage, self._step, is_drawn = 'test', 0, True
        if mode == 'val':
            kind, number = stage_of(runner).split('_')
            self._stage, self._step, is_drawn = f'{kind}{int(number):03d}', int(number), self._is_drawn(runner)
        self._left = self.max_samples if is_main_process() and is_drawn else 0

    def _after_iter(
        self, runner, batch_idx: int, data_batch: dict, outputs: Sequence | None = None, mode: str = 'train'
    ) -> None:
        if mode == 'train':
            return
        metainfo = getattr(runner, f'{mode}_dataloader').dataset.metainfo
        for picture in islice(self.pictures(first_view(data_batch), outputs, metainfo), self._left):
            self._save(runner, picture)

    def _is_drawn(self, runner) -> bool:
        by_epoch = stage_of(runner).startswith('epoch')
        done, last = (runner.epoch, runner.max_epochs) if by_epoch else (runner.iter, runner.max_iters)
        interval = max(runner.val_interval, 1)
        stride = -(-max(last // interval, 1) // self.max_validations)
        return done // interval % stride == 0 or done == last

    def _save(self, runner, picture: np.ndarray) -> None:
        number, self._left = self.max_samples - self._left, self._left - 1
        save_png_atomically(picture, Path(runner.log_dir) / 'panels' / f'{self._stage}_sample{number}.png')
        runner.visualizer.add_image(f'panel_sample{number}', picture, step=self._step)
