"""One set of batch-norm statistics for all processes."""

from mmengine.dist import all_reduce_params
from mmengine.hooks import Hook

from mmvd.registry import HOOKS


@HOOKS.register_module()
class SyncNormStatsHook(Hook):
    """Averages the running statistics of batch norms over the processes after an epoch, before it is saved.

    Without it each process would validate with statistics of its own, and those of the first would be saved. Other
    buffers are constants and stay as they are.
    """

    def after_train_epoch(self, runner) -> None:
        """Average."""
        all_reduce_params(
            [buffer for name, buffer in runner.model.named_buffers() if name.endswith(('running_mean', 'running_var'))],
            op='mean',
        )
