"""An epoch-based loop that can go on in the middle of an epoch."""
from mmengine.runner import EpochBasedTrainLoop

from mmvd.registry import LOOPS


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """mmengine's loop; after a resume within an epoch the sampler leaves out what was seen, without reading it.

    Needs ``mmvd.EpochSampler``. Arguments as in :class:`mmengine.runner.EpochBasedTrainLoop`.
    """

    def run_epoch(self) -> None:
        """Run one epoch, or the rest of it."""
        done = self._iter - self._epoch * len(self.dataloader)
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        if done:
            self.dataloader.sampler.skip_batches(done, self.dataloader.batch_sampler.batch_size)
            self.runner.logger.info(f'epoch {self._epoch + 1}: the first {done} batches were seen before the interruption')
        for index, batch in enumerate(self.dataloader, done):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
