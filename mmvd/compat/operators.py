"""Stand-in for mmcv's compiled operators, used when, and only when, ``mmcv._ext`` is absent."""

import importlib.abc
import importlib.machinery
import sys
from importlib.util import spec_from_file_location
from types import ModuleType

_EXTENSION, _ATTENTION = 'mmcv._ext', 'mmcv.ops.multi_scale_deform_attn'


class _OperatorModule(ModuleType):
    """Supplies what pure PyTorch can compute; every other operator fails on call, not on import."""

    def __getattr__(self, name: str):
        if name.startswith('__'):
            raise AttributeError(name)
        from . import torch_operators

        function = getattr(torch_operators, name, None)
        return function or _missing_operator(name)


def _missing_operator(name: str):

    def fail(*args, **kwargs):
        raise NotImplementedError(
            f'the operator {name!r} needs compiled mmcv, and mmvd supplies no stand-in for it: install an '
            'mmcv build with operators for your torch (see docs/guides/stacks.md)'
        )

    return fail


class _OperatorFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Last finder on the path: it is asked only after the real extension was not found."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname == _EXTENSION:
            return importlib.machinery.ModuleSpec(fullname, self, origin='mmvd stand-in')
        return None

    def create_module(self, spec):
        return _OperatorModule(spec.name)

    def exec_module(self, module):
        module.__doc__ = 'Pure PyTorch stand-in of mmvd for the compiled operators of mmcv.'


class _AttentionLoader(importlib.machinery.SourceFileLoader):
    """Deformable attention on the CPU, and in OneDL's mmcv in bfloat16, is a function of its module, no operator."""

    def exec_module(self, module):
        super().exec_module(module)
        from .deformable_attention import multi_scale_deformable_attn_pytorch

        module.multi_scale_deformable_attn_pytorch = multi_scale_deformable_attn_pytorch


class _AttentionFinder(importlib.abc.MetaPathFinder):
    """First on the path, for one module of an mmcv without compiled operators."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != _ATTENTION or has_compiled_operators():
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        return found and spec_from_file_location(fullname, loader=_AttentionLoader(fullname, found.origin))


def arm_operator_finders() -> None:
    """Put both in place, once."""
    if not any(isinstance(finder, _OperatorFinder) for finder in sys.meta_path):
        sys.meta_path.append(_OperatorFinder())
        sys.meta_path.insert(0, _AttentionFinder())


def has_compiled_operators() -> bool:
    """Whether the operators of mmcv are compiled, found without importing mmcv."""
    spec = importlib.machinery.PathFinder.find_spec('mmcv')
    if spec is None or not spec.submodule_search_locations:
        return False
    return importlib.machinery.PathFinder.find_spec(_EXTENSION, spec.submodule_search_locations) is not None
