"""Squeeze-and-excite fusion of two token streams (paper section 4; per-token gates as in the authors' code)."""

from torch import Tensor, nn

from mmvd.arguments import check_choice


class SEGate(nn.Module):
    """Gate of one stream: x * sigmoid(W2 relu(W1 x)), with W1 x of each token or of the mean token."""

    def __init__(self, dims: int, reduction: int, over: str):
        super().__init__()
        self.over = over
        self.squeeze = nn.Linear(dims, max(dims // reduction, 1))
        self.excite = nn.Linear(max(dims // reduction, 1), dims)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        summary = tokens.mean(1, keepdim=True) if self.over == 'image' else tokens
        return tokens * self.excite(self.squeeze(summary).relu()).sigmoid()


class SEFusion(nn.Module):
    """Sum of the gated depth and RGB tokens, which replaces the depth tokens; the RGB stream never sees depth.

    Args:
        dims: Token width D.
        reduction: Bottleneck of the gates (authors' code: 16).
        gate: ``'token'``, a gate per token and channel (authors' code), or ``'image'``, one per image and channel (Hu
            et al.).
    """

    def __init__(self, dims: int, reduction: int = 16, gate: str = 'token'):
        super().__init__()
        check_choice('SEFusion', 'gate', gate, ('token', 'image'))
        self.gate_depth = SEGate(dims, reduction, gate)
        self.gate_rgb = SEGate(dims, reduction, gate)

    def forward(self, depth_tokens: Tensor, rgb_tokens: Tensor) -> Tensor:
        """Fuse patch tokens: two (B, N, D) -> (B, N, D)."""
        return self.gate_depth(depth_tokens) + self.gate_rgb(rgb_tokens)
