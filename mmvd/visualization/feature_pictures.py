"""Pictures of features: their first three principal components as colours (paper Figs. 3, 9 and 10)."""

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from .panels import cell_aspect, figure_picture, show_depth

_MOST_TOKENS = 4096


def feature_colours(features: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Principal components of one map as colours (authors' demo).

    Args:
        features: (C, h, w).
        size: (height, width) of the picture.

    Returns:
        (height, width, 3) uint8: the first three components, each stretched from its 1st to its 99th percentile.
    """
    tokens = features.flatten(1).T.float()
    tokens = tokens - tokens.mean(0)
    step = -(-len(tokens) // _MOST_TOKENS)
    axes = torch.linalg.svd(tokens[::step], full_matrices=False).Vh[:3]
    axes = axes * torch.where(axes.sum(1, keepdim=True) < 0, -1.0, 1.0)  # a component's sign means nothing: fix it
    values = (tokens @ axes.T).T.reshape(len(axes), *features.shape[-2:])
    values = F.pad(values, (0, 0, 0, 0, 0, 3 - len(axes)))
    flat = values.flatten(1)
    low, high = flat.quantile(0.01, dim=1), flat.quantile(0.99, dim=1)
    scaled = (values - low.view(-1, 1, 1)) / (high - low).clamp(min=1e-12).view(-1, 1, 1)
    full = F.interpolate(scaled[None], size, mode='bicubic')[0].clamp(0, 1)
    return (full.permute(1, 2, 0) * 255).round().byte().cpu().numpy()


def features_panel(rgb: np.ndarray, depth_m: np.ndarray, streams: dict[str, list[Tensor]]) -> np.ndarray:
    """Draw image, depth, and the stages of each stream.

    Args:
        rgb: (H, W, 3) uint8, RGB order.
        depth_m: (H, W) metres, 0 = missing (drawn grey).
        streams: Names and their maps (C, h, w), one for each stage.

    Returns:
        (h, w, 3) uint8 picture, RGB order.
    """
    height, width = depth_m.shape
    stages = max(map(len, streams.values()))
    tall = 2.6 * len(streams) * cell_aspect(height, width) + 0.6
    figure = Figure(figsize=(2.6 * (stages + 1), tall), layout='constrained')
    axes = figure.subplots(len(streams), stages + 1, squeeze=False)
    axes[0, 0].imshow(rgb)
    axes[0, 0].set_title('RGB')
    for row in range(1, len(streams)):
        show_depth(axes[row, 0], depth_m)
        axes[row, 0].set_title('depth')
    for row, (name, maps) in enumerate(streams.items()):
        for column, features in enumerate(maps, 1):
            axes[row, column].imshow(feature_colours(features, (height, width)))
            axes[row, column].set_title(f'{name}, stage {column}')
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    return figure_picture(figure)
