"""Weighted k-nearest-neighbour vote on frozen features, as DINOv2's k-NN evaluation."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvd.arguments import check_int

_CHUNK_ELEMENTS = 2**27  # similarities at once: half a GiB


def knn_accuracy(
    train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor, ks: Sequence[int], temperature: float = 0.07
) -> dict[int, float]:
    """Top-1 accuracy of the vote of the k most similar training features.

    Similarity is the cosine; a neighbour's vote weighs ``exp(similarity / temperature)``.

    Args:
        train: (N, D) features, of any floating type.
        train_labels: (N,) int64.
        test: (M, D) features.
        test_labels: (M,) int64.
        ks: Numbers of neighbours; those above N count as N.
        temperature: As in DINOv2.

    Returns:
        Accuracy in percent for each k.

    Raises:
        ConfigError: If a k is below 1.
    """
    for k in ks:
        check_int('knn_accuracy', 'k', k)
    train, test, classes = (
        F.normalize(train.float(), dim=1),
        F.normalize(test.float(), dim=1),
        int(max(train_labels.max(), test_labels.max())) + 1,
    )
    right, chunk = dict.fromkeys(ks, 0), max(_CHUNK_ELEMENTS // len(train), 1)
    for features, labels in zip(test.split(chunk), test_labels.split(chunk), strict=True):
        similarity, nearest = (features @ train.T).topk(min(max(ks), len(train)), dim=1)
        weights, votes = (similarity / temperature).exp(), train_labels[nearest]
        for k in ks:
            scores = torch.zeros(len(features), classes, device=train.device).scatter_add_(
                1, votes[:, :k], weights[:, :k]
            )
            right[k] += int((scores.argmax(1) == labels).sum())
    return {k: 100 * count / len(test) for k, count in right.items()}
