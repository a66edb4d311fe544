"""Results of linear probes with provenance as JSON, and the two reported heads as text."""
import json
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmvd.errors import ConfigError
from mmvd.evaluation.linear_probe_metric import LinearProbeMetric
from mmvd.evaluation.report import provenance
from mmvd.registry import HOOKS

from .model_of import model_of


@HOOKS.register_module()
class ProbeReportHook(Hook):
    """Writes every head of every validation to ``<work_dir>/results/`` and prints which ones are reported."""

    priority = 'LOW'

    def before_train(self, runner) -> None:
        """Compare the number of classes, which for class folders is known only now.

        Raises:
            ConfigError: If the head has another number of classes than the data.
        """
        names = runner.train_dataloader.dataset.metainfo.get('classes', ())
        wanted = model_of(runner).head.num_classes
        if runner.train_dataloader.dataset.metainfo.get('scenes'):
            return  # rooms have classes of pixels as well; the command has compared the scenes
        if len(names) != wanted:
            raise ConfigError(f'the training data have {len(names)} classes, but the head of the model has num_classes={wanted}')

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Save the result."""
        self._report(runner, runner.val_evaluator, f'epoch_{runner.epoch}')

    def after_test_epoch(self, runner, metrics: dict | None = None) -> None:
        """Save the result."""
        self._report(runner, runner.test_evaluator, 'test')

    @staticmethod
    def _report(runner, evaluator, name: str) -> None:
        metric = next((metric for metric in evaluator.metrics if isinstance(metric, LinearProbeMetric)), None)
        if metric is None or not is_main_process():
            return
        folder = Path(runner.work_dir) / 'results'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{name}.json').write_text(json.dumps(dict(result=metric.result, epoch=runner.epoch, **provenance(runner.cfg, runner.seed)),
                                                        indent=1))
        runner.logger.info(f'{folder / name}.json\n{metric.table()}')
