"""The model itself, whatever wraps it."""

from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn


def model_of(runner) -> nn.Module:
    """The runner's model without the wrapper of distributed training, or of augmentation at test."""
    is_wrapped = is_model_wrapper(runner.model) or isinstance(runner.model, BaseTTAModel)
    return runner.model.module if is_wrapped else runner.model


def first_view(data_batch: dict) -> dict:
    """A batch; of one that is augmented at test, a list of views for each key, the first view."""
    is_views = isinstance(next(iter(data_batch['data_samples']), None), (tuple, list))
    return {key: value[0] if is_views else value for key, value in data_batch.items()}
