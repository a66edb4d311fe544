"""How far a training is, for names of files."""

from mmengine.runner import IterBasedTrainLoop


def stage_of(runner) -> str:
    """``epoch_3``, or ``iter_400`` of a loop that knows iterations alone."""
    is_by_iteration = isinstance(runner.train_loop, IterBasedTrainLoop)
    return f'iter_{runner.iter}' if is_by_iteration else f'epoch_{runner.epoch}'
