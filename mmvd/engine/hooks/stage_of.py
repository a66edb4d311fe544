"""How far a training is, for names of files."""

from mmengine.runner import EpochBasedTrainLoop


def stage_of(runner) -> str:
    """``epoch_3``, or ``iter_400`` of a loop that knows iterations alone."""
    is_by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    return f'epoch_{runner.epoch}' if is_by_epoch else f'iter_{runner.iter}'
