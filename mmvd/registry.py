"""Child registries of mmengine's with scope ``mmvd``: ``type='mmvd.VDViT'`` is found from any OpenMMLab project."""

from typing import Any

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

from .compat import allow_checkpoint_types

allow_checkpoint_types()

MODELS = Registry('model', parent=MMENGINE_MODELS, scope='mmvd', locations=['mmvd.models'])
DATASETS = Registry('dataset', parent=MMENGINE_DATASETS, scope='mmvd', locations=['mmvd.datasets'])
TRANSFORMS = Registry('transform', parent=MMENGINE_TRANSFORMS, scope='mmvd', locations=['mmvd.datasets.transforms'])
DATA_SAMPLERS = Registry('data sampler', parent=MMENGINE_DATA_SAMPLERS, scope='mmvd', locations=['mmvd.engine'])
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, scope='mmvd', locations=['mmvd.engine'])
LOOPS = Registry('loop', parent=MMENGINE_LOOPS, scope='mmvd', locations=['mmvd.engine'])
OPTIM_WRAPPERS = Registry('optim_wrapper', parent=MMENGINE_OPTIM_WRAPPERS, scope='mmvd', locations=['mmvd.engine'])
METRICS = Registry('metric', parent=MMENGINE_METRICS, scope='mmvd', locations=['mmvd.evaluation'])


def find(registry: Registry, kind: str) -> Any:
    """What a registry would build of a ``type``: a name without prefix is one of the default scope; None if of none."""
    with registry.switch_scope_and_registry(None) as scoped:
        return scoped.get(kind)
