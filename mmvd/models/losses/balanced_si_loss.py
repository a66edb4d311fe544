"""Multi-scale balanced scale-invariant loss as a module."""

from collections.abc import Sequence

from torch import Tensor, nn

from mmvd import ops
from mmvd.arguments import check_positive, check_share
from mmvd.registry import MODELS


@MODELS.register_module()
class BalancedSILoss(nn.Module):
    """Balances reconstruction and prediction of each sample, averages output scales (paper appendix C, Eq. 3 to 5).

    Args:
        alpha: Factor of Eq. 3 (authors' code: 10).
        lam: Scale-invariant share of Eq. 3 (authors' code: 0.85).
    """

    def __init__(self, alpha: float = 10.0, lam: float = 0.85):
        super().__init__()
        self.alpha = check_positive('BalancedSILoss', 'alpha', alpha)
        self.lam = check_share('BalancedSILoss', 'lam', lam)

    def forward(self, preds: Sequence[Tensor], target: Tensor, removed_mask: Tensor) -> Tensor:
        """See :func:`mmvd.ops.multi_scale_balanced_si_loss`."""
        return ops.multi_scale_balanced_si_loss(preds, target, removed_mask, self.alpha, self.lam)
