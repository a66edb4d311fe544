"""The curriculum of paper A.3: from reconstruction towards a balance with prediction."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from mmvd.arguments import check_range, check_row, check_share
from mmvd.errors import ConfigError
from mmvd.registry import HOOKS

from .model_of import model_of


@HOOKS.register_module()
class DensityScheduleHook(Hook):
    """Moves mean and standard deviation of the removed share: constant, linear, constant.

    As the authors' code does; the paper's Fig. 4 is lost.

    On the device the schedule follows the iterations, in a pipeline (``mmvd.RandomDensityMask``) the epochs: workers
    fetch ahead, and what they draw must not depend on how far. Both are functions of the runner's counters alone, so a
    resumed run continues the schedule.

    Args:
        mean: Mean of the removed share at the start and at the end.
        std: Its standard deviation at the start and at the end.
        begin: Share of the training after which the schedule starts to move.
        end: Share after which it has arrived.
    """

    priority = 'HIGH'

    def __init__(
        self,
        mean: Sequence[float] = (0.3, 0.5),
        std: Sequence[float] = (0.1, 0.3),
        begin: float = 0.1,
        end: float = 0.2,
    ):
        owner = 'DensityScheduleHook'
        self.mean = check_row(owner, 'mean', mean, 2, check_share)
        self.std = check_row(owner, 'std', std, 2, check_share)
        self.begin, self.end = check_range(owner, 'begin and end', (begin, end), 0, 1)
        self.is_followed = True

    def at(self, progress: float) -> tuple[float, float]:
        """Mean and standard deviation at a share of the training in [0, 1]."""
        way = min(max((progress - self.begin) / max(self.end - self.begin, 1e-9), 0.0), 1.0)
        return tuple(start + (stop - start) * way for start, stop in (self.mean, self.std))

    def before_train(self, runner) -> None:
        """Refuse masks in a pipeline where there are no epochs to follow; tell where there is nothing to schedule.

        Raises:
            ConfigError: If there are some.
        """
        masks = any(hasattr(each, 'set_density') for each in _transforms(runner.train_dataloader.dataset))
        self.is_followed = masks or getattr(model_of(runner).data_preprocessor, 'random_density', None) is not None
        if not self.is_followed:
            runner.logger.warning('DensityScheduleHook: nothing takes depth away in this training, it has no effect')
        if masks and not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ConfigError(
                'DensityScheduleHook: mmvd.RandomDensityMask in a pipeline follows epochs, which '
                f'{type(runner.train_loop).__name__} has not: train by epochs, or draw in the data preprocessor'
            )

    def before_train_iter(self, runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Set the distribution of the data preprocessor."""
        model = model_of(runner)
        mean, std = self.at(runner.iter / runner.max_iters)
        if hasattr(model.data_preprocessor, 'set_density'):
            model.data_preprocessor.set_density(mean, std)
        if self.is_followed:
            runner.message_hub.update_scalar('train/removed_mean', mean)

    def before_train_epoch(self, runner) -> None:
        """Set the distribution of the pipelines' masks."""
        mean, std = self.at(runner.epoch / runner.max_epochs)
        for transform in _transforms(runner.train_dataloader.dataset):
            if hasattr(transform, 'set_density'):
                transform.set_density(mean, std)


def _transforms(part) -> list:
    """All transforms of a dataset, of the datasets in it and of the pipelines in its pipeline."""
    if isinstance(part, list):  # as MultiImageMixDataset keeps its pipeline
        return [transform for child in part for transform in _transforms(child)]
    inner = [*getattr(part, 'datasets', []), *getattr(part, 'transforms', [])]
    inner += [getattr(part, name) for name in ('dataset', 'pipeline') if hasattr(part, name)]
    return [part, *(transform for child in inner for transform in _transforms(child))]
