"""Results of linear probes with provenance as JSON, and the two reported heads as text."""

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmvd.datasets.nesting import parts_of
from mmvd.datasets.probe_splits import HOLDOUT, TEST, check_classes, class_names, trained_on_holdout
from mmvd.errors import ConfigError
from mmvd.evaluation.linear_probe_metric import LinearProbeMetric
from mmvd.evaluation.report import save_result
from mmvd.registry import HOOKS

from .model_of import model_of
from .stage_of import stage_of

# in the meta of a checkpoint: the constants of the head, and whether the held-out part was trained on
PROBES = 'linear_probes'


@HOOKS.register_module()
class ProbeReportHook(Hook):
    """Writes every head of every validation to ``<work_dir>/results/`` and prints which ones are reported.

    Hands the grid of the head to the metric, keeps it in checkpoints with what was trained on, and refuses what would
    spoil the choice of a head.

    Raises:
        ConfigError: If classes, grid, held-out part and test set do not fit.
    """

    priority = 'ABOVE_NORMAL'  # before all files are looked at

    def __init__(self):
        self.holdout_is_trained_on, self.trained_classes = False, ()

    def before_train(self, runner) -> None:
        """Compare classes, and training set, held-out part and test set."""
        if runner.val_loop is None:
            raise ConfigError('val_dataloader: the heads are chosen by validation, a training without it has no result')
        train, evaluated, metric = (
            runner.train_dataloader.dataset,
            runner.val_dataloader.dataset,
            _metric_of(runner.val_evaluator),
        )
        names, wanted = class_names(train.metainfo), model_of(runner).head.num_classes
        if len(names) != wanted:  # of class folders the number is known only now
            raise ConfigError(
                f'the training data have {len(names)} classes, but the head of the model has num_classes={wanted}'
            )
        check_classes(names, parts_of(evaluated), 'val_dataloader')
        splits = {getattr(part, 'split', TEST) for part in parts_of(evaluated)}
        if TEST not in splits or not (HOLDOUT in splits or metric.paper_compat):
            raise ConfigError(
                'val_dataloader: the heads need a test set and a held-out part of the training set to choose among '
                'them: see configs/_base_/datasets/cls.py, or set val_evaluator.paper_compat=True'
            )
        shared = trained_on_holdout(train, evaluated)
        if shared and not metric.paper_compat:
            raise ConfigError(
                f'{len(shared)} held-out samples are in the training set, e.g. {shared[0]}: set part="train" and the '
                'same holdout in train_dataloader.dataset, or val_evaluator.paper_compat=True to choose on the test set'
            )
        self.holdout_is_trained_on |= bool(shared)  # by these probes, perhaps before they were resumed
        self._instruct(metric, runner)
        if self.holdout_is_trained_on:
            runner.logger.info('the held-out samples are trained on: only the choice on the test set is reported')

    def before_val_epoch(self, runner) -> None:
        """Hand over the grid, and whether the held-out part counts."""
        self._instruct(_metric_of(runner.val_evaluator), runner)

    def before_test_epoch(self, runner) -> None:
        """Hand over the grid, and whether the held-out part counts."""
        if self.trained_classes:
            check_classes(self.trained_classes, parts_of(runner.test_dataloader.dataset), 'test_dataloader')
        self._instruct(_metric_of(runner.test_evaluator), runner)

    def _instruct(self, metric: LinearProbeMetric, runner) -> None:
        if self.holdout_is_trained_on and not metric.paper_compat:
            raise ConfigError(
                'these probes were trained on held-out samples, which cannot choose among them: set '
                'val_evaluator.paper_compat=True test_evaluator.paper_compat=True to choose on the test set'
            )
        metric.settings, metric.ignores_holdout = model_of(runner).head.settings, self.holdout_is_trained_on

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Note the grid, and whether the held-out part was trained on."""
        checkpoint['meta'][PROBES] = dict(
            model_of(runner).head.constants(), holdout_is_trained_on=self.holdout_is_trained_on
        )

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Refuse a checkpoint of another grid.

        Its shapes may fit, its heads would be called by wrong names, or go on at other rates.
        """
        meta, own = checkpoint.get('meta', {}), model_of(runner).head.constants()
        saved = meta.get(PROBES, own)
        different = [key for key in (own if runner.cfg.get('resume') else ('settings',)) if saved[key] != own[key]]
        if different:
            raise ConfigError(
                'the checkpoint was trained with another grid: set model.head.learning_rates, dropouts, lr_scale and '
                f'seed as they were (different: {", ".join(different)})'
            )
        self.holdout_is_trained_on = saved.get('holdout_is_trained_on', False)
        self.trained_classes = class_names(meta.get('dataset_meta') or {})

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Save the result."""
        self._report(runner, runner.val_evaluator, stage_of(runner), epoch=runner.epoch, iter=runner.iter)

    def after_test_epoch(self, runner, metrics: dict | None = None) -> None:
        """Save the result."""
        self._report(runner, runner.test_evaluator, 'test', checkpoint=runner.cfg.get('load_from'))

    @staticmethod
    def _report(runner, evaluator, name: str, **state: int | str | None) -> None:
        if not is_main_process():
            return
        metric = _metric_of(evaluator)
        runner.logger.info(f'{save_result(runner, name, metric.result, **state)}\n{metric.table()}')


def _metric_of(evaluator) -> LinearProbeMetric:
    found = next((metric for metric in evaluator.metrics if isinstance(metric, LinearProbeMetric)), None)
    if found is None:
        raise ConfigError(
            'mmvd.ProbeReportHook reports what mmvd.LinearProbeMetric measures: set '
            "val_evaluator=dict(type='mmvd.LinearProbeMetric')"
        )
    return found
