"""What must not pass unnoticed in a long run."""

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook

from mmvd.arguments import check_int
from mmvd.datasets.file_checks import check_files
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError, SavingError
from mmvd.models.weights import ENCODING, fit_checkpoint
from mmvd.registry import HOOKS

from .model_of import first_view, model_of
from .stage_of import stage_of


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Refuses a checkpoint that does not fill the model: mmengine's own loading goes on with random weights.

    A checkpoint that leaves frozen weights out is filled with the model's own, if they are those that it was trained
    with.

    Raises:
        WeightsError: If a tensor of the model is missing in the checkpoint or has another shape, or the depth encoding
            is another.
        ConfigError: If a run goes on with other groups of parameters.
    """

    priority = 'VERY_HIGH'  # before EMAHook, which takes the state dict as it is; who renames keys needs 'HIGHEST'

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare names, shapes and the depth encoding."""
        source = str(runner.cfg.get('load_from') or 'checkpoint')
        fit_checkpoint(checkpoint, model_of(runner), source)
        _check_groups(runner, checkpoint, source)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Note the depth encoding that the weights belong to."""
        encoding = getattr(getattr(model_of(runner), 'backbone', None), 'depth_encoding', None)
        if encoding is not None:
            checkpoint['meta'][ENCODING] = encoding.constants()


def _check_groups(runner, checkpoint: dict, source: str) -> None:
    was = (checkpoint.get('optimizer') or {}).get('param_groups')
    optimizer = getattr(getattr(runner, 'optim_wrapper', None), 'optimizer', None)
    if getattr(runner, '_resume', False) and was and optimizer:
        rates = [[group.get('initial_lr', group['lr']) for group in groups] for groups in (was, optimizer.param_groups)]
        was, now = ([len(group['params']) for group in groups] for groups in (was, optimizer.param_groups))
        other = next(((old, new) for old, new in zip(*rates, strict=False) if old != new), None)
        if was == now and other:
            runner.logger.warning(
                f'the learning rate of the config, {other[1]:g}, has no effect: {source} goes on with its own, '
                f'{other[0]:g}'
            )
        if was != now:
            raise ConfigError(
                f'{source}: its optimizer has {len(was)} groups of {sum(was)} parameters, the config asks for '
                f'{len(now)} of {sum(now)}: resume with the optim_wrapper and the frozen parts of before, or start '
                f'from its weights with --cfg-options load_from={source}'
            )


@HOOKS.register_module()
class FirstLookHook(Hook):
    """Looks at every file, see :func:`mmvd.datasets.file_checks.check_files`, and reads some samples before training.

    The values of all depth files are read by the ``--verify`` of the converters alone.

    Args:
        samples: Number of samples to read, spread evenly over the training and the validation set.

    Raises:
        MMVDError: What the pipeline raises: missing or odd depth, labels out of range, sizes that differ.
    """

    def __init__(self, samples: int = 8):
        self.samples = check_int('FirstLookHook', 'samples', samples)

    def before_train(self, runner) -> None:
        """Look."""
        for loader in (runner.train_dataloader, runner.val_dataloader if runner.val_loop is not None else None):
            if loader is None:
                continue
            check_files(loader.dataset)
            last = len(loader.dataset) - 1
            for index in sorted({round(last * share / max(self.samples - 1, 1)) for share in range(self.samples)}):
                loader.dataset[KeyedIndex(index, runner.seed or 0, runner.epoch)]


@HOOKS.register_module()
class SampleCountHook(Hook):
    """Logs how often a sample was redrawn for want of depth, or read without a depth file, over all processes.

    Training, validation and test are counted apart, each over the whole run: a file that is read in ten epochs counts
    ten times.
    """

    NAMES = dict(num_redraws='redrawn_samples', missing_depth='samples_without_depth')

    def __init__(self):
        self.counts = {f'{mode}/{name}': 0 for mode in ('train', 'val', 'test') for name in self.NAMES.values()}

    def before_train(self, runner) -> None:
        """Go on from what a resumed run had counted."""
        for name in self.counts if runner.iter else ():
            history = runner.message_hub.log_scalars.get(name)
            self.counts[name] = int(history.current()) if history else 0

    def _after_iter(
        self, runner, batch_idx: int, data_batch: dict, outputs: dict | Sequence | None = None, mode: str = 'train'
    ) -> None:
        samples = first_view(data_batch)['data_samples']
        found = torch.tensor([sum(int(sample.metainfo.get(key, 0)) for sample in samples) for key in self.NAMES])
        all_reduce(found)
        for name, count in zip(self.NAMES.values(), found.tolist(), strict=True):
            self.counts[f'{mode}/{name}'] += count
            runner.message_hub.update_scalar(f'{mode}/{name}', self.counts[f'{mode}/{name}'])

    def after_train(self, runner) -> None:
        """Say it once more at the end."""
        for name, count in self.counts.items():
            if count:
                runner.logger.warning(f'{name}: {count} reads in this run')

    after_test = after_train


def check_finite(runner) -> None:
    """Look at the weights that are trained.

    Raises:
        SavingError: If one holds NaN or inf.
    """
    weights = ((name, p) for name, p in model_of(runner).named_parameters() if p.requires_grad)
    diverged = next((name for name, weight in weights if not weight.isfinite().all()), None)
    if diverged:
        raise SavingError(
            f'{diverged} holds NaN or inf, the training has diverged after {stage_of(runner).replace("_", " ")}: not '
            'saved, what was saved before is intact: set a smaller optim_wrapper.optimizer.lr and start again, or '
            '--resume from it'
        )
