"""An epoch-based loop that can go on in the middle of an epoch."""
from mmengine.runner import EpochBasedTrainLoop

from mmvd.errors import ConfigError
from mmvd.registry import LOOPS

MID_EPOCH = 'mid_epoch'  # batches done and batches in all, in the message hub of a checkpoint


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """mmengine's loop; after a resume within an epoch the sampler leaves out what was seen, without reading it.

    Needs ``mmvd.EpochSampler``. Arguments as in :class:`mmengine.runner.EpochBasedTrainLoop`.

    Raises:
        ConfigError: If an interrupted epoch is resumed with another number of batches.
    """

    def _batches_done(self) -> int:
        """Batches of this epoch that an interrupted run has seen."""
        done, length = self.runner.message_hub.get_info(MID_EPOCH) or (0, 0)
        self.runner.message_hub.update_info(MID_EPOCH, None)
        if done and length != len(self.dataloader):
            raise ConfigError(f'the interrupted epoch had {length} batches, now it has {len(self.dataloader)}: resume with the same batch '
                              'size and number of processes, or from the last epoch_*.pth')
        return done

    def run_epoch(self) -> None:
        """Run one epoch, or the rest of it."""
        done = self._batches_done()
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        if done:
            self.dataloader.sampler.skip_batches(done, self.dataloader.batch_sampler.batch_size)
            self.runner.logger.info(f'epoch {self._epoch + 1}: the first {done} batches were seen before the interruption')
        for index, batch in enumerate(self.dataloader, done):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
