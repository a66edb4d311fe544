"""``tools/train.py --compile``."""

from mmengine.hooks import Hook

from mmvd.registry import HOOKS

from .model_of import model_of


@HOOKS.register_module()
class CompileHook(Hook):
    """Compiles the transformer blocks of the encoder, in place: names in checkpoints stay.

    All blocks of a stream share one compiled graph, so compilation takes seconds whatever the depth. mmengine's own
    switch compiles the whole training step instead, whose lists of samples and metainfo break the graph at every batch.
    """

    def before_train(self, runner) -> None:
        """Mark the blocks; they are compiled at their first call."""
        model_of(runner).backbone.compile_blocks()
        runner.logger.info('the blocks of the encoder are compiled at their first call')
