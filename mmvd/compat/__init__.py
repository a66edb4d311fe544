"""The only place that knows which mmcv, mmengine and torch are installed."""

from .operators import arm_operator_finders
from .safe_loading import allow_checkpoint_types, arm_checkpoint_types, forbid_unpickling, load_checkpoint_file
from .stack import StackReport, inspect_stack, inspect_versions

__all__ = ['StackReport', 'allow_checkpoint_types', 'arm', 'inspect_stack', 'inspect_versions', 'load_checkpoint_file']


def arm() -> None:
    """Make a half-installed stack usable and loading safe; cheap, idempotent, imports nothing heavy."""
    forbid_unpickling()
    arm_checkpoint_types()
    arm_operator_finders()
