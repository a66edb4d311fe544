"""mmvd: Vanishing Depth for OpenMMLab. Importing it is light: it arms :mod:`mmvd.compat` and nothing else."""

from importlib import import_module

from . import compat
from .version import __version__

compat.arm()

__all__ = ['__version__', 'apis', 'list_models', 'load_model', 'ops']


def __getattr__(name: str):
    if name in ('apis', 'ops'):
        return import_module(f'mmvd.{name}')
    if name in ('list_models', 'load_model'):
        return getattr(import_module('mmvd.apis'), name)
    raise AttributeError(f"module 'mmvd' has no attribute {name!r}")
