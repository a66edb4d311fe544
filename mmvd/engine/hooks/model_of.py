"""The model itself, whatever wraps it."""

from mmengine.model import is_model_wrapper
from torch import nn


def model_of(runner) -> nn.Module:
    """The runner's model without the wrapper of distributed training."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
