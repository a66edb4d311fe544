"""What must not pass unnoticed in a long run."""
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmvd.models.weights import attach_rgb, check_fills
from mmvd.registry import HOOKS


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Refuses a checkpoint that does not fill the model: mmengine's own loading goes on with random weights.

    A checkpoint without the RGB stream is filled with the model's own, if they are those that it was trained with.

    Raises:
        WeightsError: If a tensor of the model is missing in the checkpoint or has another shape.
    """

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare names and shapes."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        source = str(runner.cfg.get('load_from') or 'checkpoint')
        attach_rgb(checkpoint, model, source)
        state = {key.removeprefix('module.'): value for key, value in checkpoint.get('state_dict', checkpoint).items()}
        check_fills(model, state, source)


@HOOKS.register_module()
class RedrawCountHook(Hook):
    """Logs how many samples were redrawn for want of depth, as ``train/redrawn_samples``, summed over the run."""

    def __init__(self):
        self.count = 0

    def after_train_iter(self, runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None) -> None:
        """Add the redraws of the batch."""
        self.count += sum(sample.metainfo.get('num_redraws', 0) for sample in data_batch['data_samples'])
        runner.message_hub.update_scalar('train/redrawn_samples', self.count)

    def after_train(self, runner) -> None:
        """Say it once more at the end."""
        if self.count:
            runner.logger.warning(f'{self.count} samples had too little depth and were redrawn')
