"""What must not pass unnoticed in a long run."""
from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.models.weights import ENCODING, attach, check_encoding, check_fills
from mmvd.registry import HOOKS


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Refuses a checkpoint that does not fill the model: mmengine's own loading goes on with random weights.

    A checkpoint that leaves frozen weights out is filled with the model's own, if they are those that it was trained with.

    Raises:
        WeightsError: If a tensor of the model is missing in the checkpoint or has another shape, or the depth encoding is another.
    """

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare names, shapes and the depth encoding."""
        model = _unwrapped(runner.model)
        source = str(runner.cfg.get('load_from') or 'checkpoint')
        attach(checkpoint, model, source)
        check_encoding(getattr(model, 'backbone', None), checkpoint, source)
        state = {key.removeprefix('module.'): value for key, value in checkpoint.get('state_dict', checkpoint).items()}
        check_fills(model, state, source)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Note the depth encoding that the weights belong to."""
        encoding = getattr(getattr(_unwrapped(runner.model), 'backbone', None), 'depth_encoding', None)
        if encoding is not None:
            checkpoint['meta'][ENCODING] = encoding.constants()


def _unwrapped(model):
    return model.module if is_model_wrapper(model) else model


@HOOKS.register_module()
class FirstLookHook(Hook):
    """Reads some samples before training starts, so that what is wrong with all of them ends the run in seconds.

    Whole datasets are read by the ``--verify`` of their converters.

    Args:
        samples: Number of samples, spread evenly over the training set.

    Raises:
        MMVDError: What the pipeline raises: missing or odd depth, labels out of range, sizes that differ.
    """

    def __init__(self, samples: int = 8):
        self.samples = samples

    def before_train(self, runner) -> None:
        """Read them."""
        dataset = runner.train_dataloader.dataset
        for index in sorted({round(share * (len(dataset) - 1) / max(self.samples - 1, 1)) for share in range(self.samples)}):
            dataset[KeyedIndex(index, runner.seed or 0, runner.epoch)]


@HOOKS.register_module()
class SampleCountHook(Hook):
    """Logs how many samples were redrawn for want of depth, and how many had no depth file, summed over the run."""

    def __init__(self):
        self.redrawn = self.missing = 0

    def after_train_iter(self, runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None) -> None:
        """Add those of the batch."""
        self._count(data_batch)
        runner.message_hub.update_scalar('train/redrawn_samples', self.redrawn)
        runner.message_hub.update_scalar('train/samples_without_depth', self.missing)

    def after_test_iter(self, runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence | None = None) -> None:
        """Add those of the batch."""
        self._count(data_batch)

    def _count(self, data_batch: dict) -> None:
        samples = data_batch['data_samples']
        self.redrawn += sum(sample.metainfo.get('num_redraws', 0) for sample in samples)
        self.missing += sum(sample.metainfo.get('missing_depth', False) for sample in samples)

    def after_train(self, runner) -> None:
        """Say it once more at the end."""
        for count, what in ((self.redrawn, 'had too little depth and were redrawn'), (self.missing, 'had no depth file and got an empty map')):
            if count:
                runner.logger.warning(f'{count} samples {what}')

    after_test = after_train
