"""Checkpoints that survive a kill at any moment."""

import inspect
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook

from mmvd.arguments import check_choice, check_int
from mmvd.engine.loops.resumable_epoch_loop import VALIDATED
from mmvd.errors import ConfigError, config_errors
from mmvd.models.weights import BACKBONE, RGB, leave_out
from mmvd.registry import HOOKS
from mmvd.saving import BACKEND

from .checks import StrictLoadHook, check_finite

_ERRORS = ('rmse', 'mae', 'abs_rel')  # metrics that are the better the lower
_ABANDONED_S = 600.0  # a file that is half-written and so old belongs to no living process


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's hook, made safe.

    Each file is written aside, synced and renamed, and old ones go only after the new one is there. Weights that have
    diverged are never saved, and end the training at the first loss that is NaN or inf.

    Args:
        max_keep_ckpts: Checkpoints to keep; all if negative.
        save_best: Name of one metric, or None.
        leave_out: Frozen part that is not saved, only its SHA-256: ``'backbone.'`` (downstream, ``frozen='all'``) or
            ``'rgb_stream.'``. The weights files named by the config then belong to the checkpoint.
        **kwargs: As in :class:`mmengine.hooks.CheckpointHook`.

    Raises:
        ConfigError: If several metrics are to be best, or an argument is unknown; before training, if the part to leave
            out is not frozen or could not come again; after a validation, if the best is to be of a metric that it did
            not measure.
        SavingError: If a weight that is trained holds NaN or inf.
    """

    def __init__(
        self, *args, max_keep_ckpts: int = -1, save_best: str | None = None, leave_out: str | None = None, **kwargs: Any
    ):
        if not isinstance(save_best, str | None):
            raise ConfigError(f'save_best={save_best!r}: name one metric')
        unknown = sorted(set(kwargs) - set(inspect.signature(CheckpointHook).parameters))
        if unknown:  # the parent would hand them on at the first save
            raise ConfigError(f'AtomicCheckpointHook: unknown arguments {", ".join(unknown)}')
        check_int('AtomicCheckpointHook', 'max_keep_ckpts', max_keep_ckpts, -1)
        check_int('AtomicCheckpointHook', 'interval', kwargs.get('interval', 1), -1)
        if leave_out is not None:
            check_choice('AtomicCheckpointHook', 'leave_out', leave_out, (RGB, BACKBONE))
            if kwargs.get('published_keys'):
                raise ConfigError(
                    f'leave_out={leave_out!r}: what published_keys would keep could not be filled again: publish with '
                    'tools/model_converters/publish_adapter.py'
                )
        # The parent prunes before it saves; it is told to keep everything, and pruning is done here.
        super().__init__(*args, max_keep_ckpts=-1, save_best=save_best, backend_args=dict(backend=BACKEND), **kwargs)
        self._keep, self._steps, self._leave_out = max_keep_ckpts, [], leave_out

    def _init_rule(self, rules: list, key_indicators: list) -> None:
        """The parent takes names with "auc" for the better the higher; ours are areas under errors."""
        known = ['less' if any(error in key for error in _ERRORS) else None for key in key_indicators]
        super()._init_rule(
            [rule or less for rule, less in zip(rules * len(known), known, strict=False)], key_indicators
        )

    def before_train(self, runner) -> None:
        """Clear what a killed process left half-written, and remember the checkpoints of a resumed run."""
        if self._leave_out:
            self._check_comes_again(runner)
        super().before_train(runner)
        if self.save_best and self.best_ckpt_path:
            # a run that goes on in another folder never removes the best of the old one
            own = Path(self.out_dir) / Path(self.best_ckpt_path).name
            self.best_ckpt_path = str(own) if own.is_file() else None
        self._steps = list(runner.message_hub.get_info('saved_steps', [])) if runner.iter else []
        if is_main_process():
            for part in Path(self.out_dir).glob('.*.part'):
                with suppress(FileNotFoundError):  # renamed by the other run that is writing it
                    if time.time() - part.stat().st_mtime > _ABANDONED_S:
                        part.unlink()

    def _check_comes_again(self, runner) -> None:
        """What is left out must be frozen, and be filled in where the checkpoint is loaded."""
        model = runner.cfg.get('model') or {}
        init = model.get('backbone', {}).get('init_cfg')
        named = isinstance(init, dict) and init.get('type') == 'Pretrained'
        if not named and runner.cfg.get('randomness', {}).get('seed') is None:
            raise ConfigError(
                f'leave_out={self._leave_out!r}: what is left out must come again: name '
                'model.backbone.init_cfg.checkpoint, or set randomness.seed'
            )
        if not any(isinstance(hook, StrictLoadHook) for hook in runner.hooks):
            raise ConfigError(
                f"leave_out={self._leave_out!r}: add dict(type='mmvd.StrictLoadHook') to custom_hooks, which fills in "
                'what is left out'
            )
        learning = (name for name, p in runner.model.named_parameters() if p.requires_grad)
        trained = next((name for name in learning if self._leave_out in name), None)
        if trained:
            raise ConfigError(
                f'leave_out={self._leave_out!r} would throw away what is trained, e.g. {trained}: only frozen parts '
                'can be left out'
            )

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Save where iterations are counted; look at the weights as soon as a loss is NaN or inf, not hours later."""
        if not torch.as_tensor((outputs or {}).get('loss', 0.0)).isfinite():
            check_finite(runner)
        super().after_train_iter(runner, batch_idx, data_batch, outputs)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Take out what is frozen; refuse what has diverged, before it takes the place of what had not."""
        check_finite(runner)
        if self._leave_out:
            checkpoint.update(leave_out(checkpoint, self._leave_out))

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        if not self.save_best:
            return
        if self.save_best[0] not in ('auto', *metrics):
            raise ConfigError(f'save_best={self.save_best[0]!r}: no such metric among {", ".join(metrics)}')
        if 'auto' in self.key_indicators:
            with config_errors('save_best'):
                self._init_rule(self.rules, [next(iter(metrics))])
        if runner.iter == 0:  # the untrained network is never the best
            return
        runner.message_hub.update_info(VALIDATED, runner.epoch)  # the checkpoint of the epoch may be saved again
        old, self.best_ckpt_path = self.best_ckpt_path, None  # the parent would remove it before the new one is written
        super()._save_best_checkpoint(runner, metrics)
        if self.best_ckpt_path is None:
            self.best_ckpt_path = old
        elif old and old != self.best_ckpt_path and is_main_process():
            Path(old).unlink(missing_ok=True)

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        steps = [old for old in self._steps if old != step] + [step]
        kept = steps if self._keep <= 0 else steps[-self._keep :]
        runner.message_hub.update_info('saved_steps', kept)
        super()._save_checkpoint_with_step(runner, step, meta)
        if is_main_process():
            for old in set(steps) - set(kept):
                (Path(self.out_dir) / self.filename_tmpl.format(old)).unlink(missing_ok=True)
        self._steps = kept
