"""Results with provenance as JSON, and the table that ends a run."""

from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.fileio import load
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook, ParamSchedulerHook

from mmvd.arguments import check_flag
from mmvd.evaluation.depth_completion_metric import DepthCompletionMetric
from mmvd.evaluation.report import format_table, save_result
from mmvd.registry import HOOKS
from mmvd.saving import save_text

from .stage_of import stage_of

_UNTRAINED = 'untrained'


@HOOKS.register_module()
class DepthReportHook(Hook):
    """Writes the full result of every validation to ``<work_dir>/results/`` and prints the final table.

    Args:
        untrained_reference: Whether a network that starts from scratch is evaluated before training, to stand beside
            the trained one.
    """

    priority = 'LOW'

    def __init__(self, untrained_reference: bool = True):
        self.untrained_reference = check_flag('DepthReportHook', 'untrained_reference', untrained_reference)
        self._stage, self._has_validated = None, False

    def before_train(self, runner) -> None:
        """Evaluate the untrained network, once per work dir."""
        if (
            self.untrained_reference
            and runner.val_loop is not None
            and runner.iter == 0
            and not runner.cfg.get('load_from')
        ):
            self._stage, hooks = _UNTRAINED, runner._hooks
            runner.logger.info('evaluating the untrained network for reference')
            runner._hooks = [hook for hook in hooks if not _steers(hook)]
            try:
                runner.val_loop.run()
            finally:
                self._stage, runner._hooks = None, hooks

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Save the result."""
        self._save(runner, runner.val_evaluator, self._stage or stage_of(runner), epoch=runner.epoch, iter=runner.iter)
        self._has_validated = self._stage is None

    def after_test_epoch(self, runner, metrics: dict | None = None) -> None:
        """Save the result and print the table."""
        table = self._save(runner, runner.test_evaluator, 'test', checkpoint=runner.cfg.get('load_from'))
        if table:
            runner.logger.info('\n' + format_table(table))

    def after_train(self, runner) -> None:
        """Print the final table beside the untrained network."""
        folder = Path(runner.work_dir) / 'results'
        last = folder / f'{stage_of(runner)}.json'
        if not is_main_process() or not self._has_validated or not last.is_file():
            return
        untrained = folder / f'{_UNTRAINED}.json'
        reference = load(str(untrained))['result'] if untrained.is_file() else None
        text = format_table(load(str(last))['result'], reference)
        save_text(text + '\n', folder / 'table.txt')
        runner.logger.info(f'depth completion after {stage_of(runner).replace("_", " ")}, see {folder}\n{text}')

    @staticmethod
    def _save(runner, evaluator, name: str, **state: int | str | None) -> dict | None:
        results = [metric.result for metric in evaluator.metrics if isinstance(metric, DepthCompletionMetric)]
        if not results or not is_main_process():
            return None
        save_result(runner, name, results[0], **state)
        return results[0]


def _steers(hook: Hook) -> bool:
    """Whether a hook would take the untrained network for a step of the training; ours knows it."""
    return isinstance(hook, (EarlyStoppingHook, ParamSchedulerHook)) or type(hook) is CheckpointHook
