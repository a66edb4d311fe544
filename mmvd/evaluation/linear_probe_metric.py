"""Accuracy of every head of a grid, and which of them is reported."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from mmvd.arguments import check_flag
from mmvd.datasets.probe_splits import HOLDOUT, TEST, is_test
from mmvd.errors import ConfigError
from mmvd.registry import METRICS


@METRICS.register_module()
class LinearProbeMetric(BaseMetric):
    """Top-1 accuracy per head on a held-out part of the training set and on the test set.

    Two numbers are reported: the test accuracy of the head that is best on the held-out part (default), and the best
    test accuracy of any head, as the paper seems to report. ``accuracy`` is the first, or with ``paper_compat`` the
    second; ``selection_accuracy`` is what the head was chosen by, and what a best checkpoint should be chosen by. Of
    heads that are equally good the first counts (least dropout, then least rate). The whole grid is in ``result``.

    Args:
        paper_compat: Which of the two numbers is called ``accuracy``.
        **kwargs: As in mmengine.

    Attributes:
        settings: ``(learning rate, dropout)`` of each head, handed over by ``mmvd.ProbeReportHook``.
        ignores_holdout: Whether held-out samples are left out, because they were trained on.

    Raises:
        ConfigError: If the samples bring no held-out part, or do not say what they are for.
    """

    default_prefix = 'probe'

    def __init__(self, paper_compat: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.paper_compat, self.result = check_flag('LinearProbeMetric', 'paper_compat', paper_compat), {}
        self.settings: Sequence[tuple[float, float]] = ()
        self.ignores_holdout = False

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Note which heads are right."""
        for sample in data_samples:
            right = (sample['probe_labels'] == sample['gt_label']).cpu().numpy()
            split = sample['split'] if is_test(sample) or not self.ignores_holdout else None
            # a row each: samples repeated to fill ranks are cut off
            self.results.append(dict(split=split, right=right))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Choose, and fill ``result``."""
        right = {split: [row['right'] for row in results if row['split'] == split] for split in (HOLDOUT, TEST)}
        if not right[TEST] or not right[HOLDOUT] and not self.paper_compat:
            raise ConfigError(
                'LinearProbeMetric: the evaluation data need a test set and a held-out part of the training set, not '
                'trained on, to choose the head: see configs/_base_/datasets/cls.py, or set '
                'val_evaluator.paper_compat=True test_evaluator.paper_compat=True'
            )
        test = 100 * np.mean(right[TEST], axis=0)
        if len(self.settings) != len(test):
            raise ConfigError(
                f'LinearProbeMetric: {len(test)} heads, and the settings of {len(self.settings)}: it needs '
                'mmvd.ProbeReportHook'
            )
        holdout = 100 * np.mean(right[HOLDOUT], axis=0) if right[HOLDOUT] else np.full_like(test, np.nan)
        best = int(np.argmax(test))
        chosen = int(np.argmax(holdout)) if right[HOLDOUT] else None
        self.result = dict(
            images={split: len(rows) for split, rows in right.items()},
            chosen_on='test set (paper_compat)' if self.paper_compat else 'held-out part of the training set',
            selected=self._head(best if self.paper_compat else chosen, holdout, test),
            selected_on_holdout=None if chosen is None else self._head(chosen, holdout, test),
            best_on_test=self._head(best, holdout, test),
            heads=[self._head(index, holdout, test) for index in range(len(self.settings))],
        )
        flat = dict(accuracy=self.result['selected']['test'], accuracy_best_on_test=float(test[best]))
        if chosen is not None:
            flat.update(accuracy_selected_on_holdout=float(test[chosen]), holdout_accuracy=float(holdout[chosen]))
        return dict(flat, selection_accuracy=float(test[best] if self.paper_compat else holdout[chosen]))

    def _head(self, index: int, holdout: np.ndarray, test: np.ndarray) -> dict:
        rate, dropout = self.settings[index]
        known = None if np.isnan(holdout[index]) else float(holdout[index])
        return dict(head=index, learning_rate=rate, dropout=dropout, holdout=known, test=float(test[index]))

    def table(self) -> str:
        """The two reported heads as text."""
        lines = [
            f'accuracy in % on {self.result["images"][TEST]} test and {self.result["images"][HOLDOUT]} held-out '
            f'images, {len(self.settings)} heads; reported: chosen on the {self.result["chosen_on"]}'
        ]
        for label, key in (
            ('chosen on the held-out part', 'selected_on_holdout'),
            ('chosen on the test set, as the paper seems to', 'best_on_test'),
        ):
            head = self.result[key]
            if head is None:
                continue
            holdout = '-' if head['holdout'] is None else f'{head["holdout"]:.2f}'
            lines.append(
                f'{label:<46} test {head["test"]:6.2f}   held-out {holdout:>6}   head {head["head"]}: rate '
                f'{head["learning_rate"]:g}, dropout {head["dropout"]:g}'
            )
        return '\n'.join(lines)
