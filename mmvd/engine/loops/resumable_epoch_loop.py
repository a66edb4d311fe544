"""An epoch-based loop that can go on in the middle of an epoch."""

import torch
from mmengine.dist import get_rank
from mmengine.runner import EpochBasedTrainLoop

from mmvd.datasets.sample_key import sample_key
from mmvd.engine.samplers import EpochSampler
from mmvd.errors import ConfigError
from mmvd.registry import LOOPS

# in the message hub of a checkpoint
MID_EPOCH = 'mid_epoch'  # batches done and batches in all, once the running iteration is through
VALIDATED = 'validated_epoch'  # the last epoch whose validation the state contains


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """mmengine's loop, whose resumed runs end as uninterrupted ones do.

    Within an epoch the sampler leaves out what was seen, without reading it. What a model draws from torch's own
    generator (Mask2Former's points) depends on (seed, epoch, batch, rank) alone. A checkpoint of an epoch is older than
    its validation, which a resumed run therefore repeats; that of a best epoch is saved again after it. Needs
    ``mmvd.EpochSampler``. Arguments as in :class:`mmengine.runner.EpochBasedTrainLoop`.

    Raises:
        ConfigError: If there is another sampler, an epoch has no whole batch, an interrupted epoch is resumed with
            another number of batches, or an epoch ends within an accumulation of gradients, which no checkpoint holds.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        sampler, inner = self.dataloader.sampler, getattr(self.dataloader.batch_sampler, 'sampler', None)
        if not isinstance(sampler, EpochSampler):
            own = "set train_dataloader.sampler.type='mmvd.EpochSampler'"
            remedy = 'leave train_dataloader.batch_sampler out' if isinstance(inner, EpochSampler) else own
            raise ConfigError(
                f'ResumableEpochLoop: what {type(sampler).__name__} draws cannot be gone on with: {remedy}, or set '
                "train_cfg.type='EpochBasedTrainLoop'"
            )
        if not len(self.dataloader):
            raise ConfigError(
                f'train_dataloader: the {len(self.dataloader.sampler)} samples of an epoch are no whole batch of '
                f'{self.dataloader.batch_sampler.batch_size}: choose a smaller batch_size or a larger samples_per_epoch'
            )

    def run(self) -> torch.nn.Module:
        """Train."""
        runner = self.runner
        if not self._iter:  # runs of one experiment_name in one process share their notes
            runner.message_hub.update_info(MID_EPOCH, None)
        runner.call_hook('before_train')
        self._check_accumulation()
        if (runner.cfg.get('train_dataloader', {}).get('sampler') or {}).get('seed') is None:
            self.dataloader.sampler.seed = runner.seed  # of the checkpoint, if it was another one
        self._tell_of_other_epochs()
        is_within = (runner.message_hub.get_info(MID_EPOCH) or (0,))[0]
        if self._epoch > 0 and not is_within and runner.message_hub.get_info(VALIDATED) != self._epoch:
            self._validate_if_due()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._validate_if_due()
        runner.call_hook('after_train')
        return runner.model

    def _tell_of_other_epochs(self) -> None:
        done, batches = (self.runner.message_hub.get_info(MID_EPOCH) or (0,))[0], len(self.dataloader)
        if self._iter - done != self._epoch * batches:
            self.runner.logger.warning(
                f'{self._iter} steps were taken in {self._epoch} epochs, now an epoch has {batches}: learning rates go '
                'on by the old length. Resume with the batch size and the number of processes of before, or start from '
                'the weights with load_from'
            )

    def _check_accumulation(self) -> None:
        steps, batches = getattr(self.runner.optim_wrapper, '_accumulative_counts', 1), len(self.dataloader)
        if batches % steps:
            raise ConfigError(
                f'an epoch of {batches} batches ends within an accumulation of {steps}: choose samples_per_epoch such '
                'that optim_wrapper.accumulative_counts divides the batches of an epoch'
            )

    def _validate_if_due(self) -> None:
        self._decide_current_val_interval()
        if (
            self.runner.val_loop is not None
            and self._epoch >= self.val_begin
            and (self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs)
        ):
            self.runner.val_loop.run()

    def _batches_done(self) -> int:
        """Batches of this epoch that an interrupted run has seen."""
        done, length = self.runner.message_hub.get_info(MID_EPOCH) or (0, 0)
        self.runner.message_hub.update_info(MID_EPOCH, None)
        if done and length != len(self.dataloader):
            raise ConfigError(
                f'the interrupted epoch had {length} batches, now it has {len(self.dataloader)}: resume with the same '
                'batch size and number of processes, or from the last epoch_*.pth'
            )
        steps = getattr(self.runner.optim_wrapper, '_accumulative_counts', 1)
        if done % steps:
            raise ConfigError(
                f'the checkpoint was saved after {done} batches of its epoch, within an accumulation of {steps}: take '
                'another one, and set default_hooks.checkpoint.interval to a multiple of accumulative_counts'
            )
        return done

    def run_epoch(self) -> None:
        """Run one epoch, or the rest of it."""
        done = self._batches_done()
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        if done:
            self.dataloader.sampler.skip_batches(done, self.dataloader.batch_sampler.batch_size)
            self.runner.logger.info(
                f'epoch {self._epoch + 1}: the first {done} batches were seen before the interruption'
            )
        for index, batch in enumerate(self.dataloader, done):
            torch.manual_seed(sample_key(self.runner.seed or 0, self._epoch, index, get_rank()))
            self.runner.message_hub.update_info(MID_EPOCH, [index + 1, len(self.dataloader)])
            self.run_iter(index, batch)
        self.runner.message_hub.update_info(MID_EPOCH, None)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
