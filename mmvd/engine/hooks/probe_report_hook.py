"""Results of linear probes with provenance as JSON, and the two reported heads as text."""
import json
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmvd.datasets.scene_datasets import RGBDClassDataset
from mmvd.errors import ConfigError
from mmvd.evaluation.linear_probe_metric import HOLDOUT, TEST, LinearProbeMetric
from mmvd.evaluation.report import provenance
from mmvd.registry import HOOKS

from .model_of import model_of

GRID = 'probe_grid'  # in the meta of a checkpoint: learning rate and dropout of each head


@HOOKS.register_module()
class ProbeReportHook(Hook):
    """Writes every head of every validation to ``<work_dir>/results/`` and prints which ones are reported.

    Hands the grid of the head to the metric, keeps it in checkpoints, and refuses before training what would spoil the choice of a head.

    Raises:
        ConfigError: If classes, grid or held-out part do not fit.
    """

    priority = 'ABOVE_NORMAL'  # before all files are looked at

    def before_train(self, runner) -> None:
        """Compare classes, and training set and held-out part."""
        self._check_classes(runner)
        parts = _parts(runner.val_dataloader.dataset)
        metric = _metric_of(runner.val_evaluator)
        splits = {getattr(part, 'split', TEST) for part in parts}
        if TEST not in splits or not (HOLDOUT in splits or metric.paper_compat):
            raise ConfigError('val_dataloader: the heads need a test set and a held-out part of the training set to choose among them: see '
                              'configs/_base_/datasets/cls.py, or set val_evaluator.paper_compat=True')
        shared = _images(_parts(runner.train_dataloader.dataset)) & _images([part for part in parts if getattr(part, 'split', TEST) == HOLDOUT])
        if shared and not metric.paper_compat:
            raise ConfigError(f'{len(shared)} held-out samples are in the training set, e.g. {min(shared)}: set part="train" and the same holdout in '
                              'train_dataloader.dataset, or val_evaluator.paper_compat=True to choose on the test set')
        if shared:
            metric.ignores_holdout = True
            runner.logger.info('the held-out samples are trained on: only the choice on the test set is reported')

    def _check_classes(self, runner) -> None:
        """For class folders their number is known only now."""
        names = runner.train_dataloader.dataset.metainfo.get('classes', ())
        wanted = model_of(runner).head.num_classes
        if runner.train_dataloader.dataset.metainfo.get('scenes'):
            return  # rooms have classes of pixels as well; the command has compared the scenes
        if len(names) != wanted:
            raise ConfigError(f'the training data have {len(names)} classes, but the head of the model has num_classes={wanted}')

    def before_val_epoch(self, runner) -> None:
        """Hand the grid over."""
        _metric_of(runner.val_evaluator).settings = model_of(runner).head.settings

    def before_test_epoch(self, runner) -> None:
        """Hand the grid over."""
        _metric_of(runner.test_evaluator).settings = model_of(runner).head.settings

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Note the grid."""
        checkpoint['meta'][GRID] = [list(setting) for setting in model_of(runner).head.settings]

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Refuse a checkpoint of another grid: its shapes may fit, its heads would be called by wrong names."""
        own, saved = [list(setting) for setting in model_of(runner).head.settings], checkpoint.get('meta', {}).get(GRID)
        if saved is not None and saved != own:
            raise ConfigError('the checkpoint was trained with another grid: set model.head.learning_rates and model.head.dropouts as they were')

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Save the result."""
        self._report(runner, runner.val_evaluator, f'epoch_{runner.epoch}')

    def after_test_epoch(self, runner, metrics: dict | None = None) -> None:
        """Save the result."""
        self._report(runner, runner.test_evaluator, 'test')

    @staticmethod
    def _report(runner, evaluator, name: str) -> None:
        if not is_main_process():
            return
        metric, folder = _metric_of(evaluator), Path(runner.work_dir) / 'results'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{name}.json').write_text(json.dumps(dict(result=metric.result, epoch=runner.epoch, **provenance(runner.cfg, runner.seed)),
                                                        indent=1))
        runner.logger.info(f'{folder / name}.json\n{metric.table()}')


def _metric_of(evaluator) -> LinearProbeMetric:
    found = next((metric for metric in evaluator.metrics if isinstance(metric, LinearProbeMetric)), None)
    if found is None:
        raise ConfigError("mmvd.ProbeReportHook reports what mmvd.LinearProbeMetric measures: set val_evaluator=dict(type='mmvd.LinearProbeMetric')")
    return found


def _parts(dataset) -> list:
    return list(getattr(dataset, 'datasets', [dataset]))


def _images(parts: list) -> set[str]:
    """Paths of the images of datasets that read files."""
    return {part.get_data_info(index)['img_path'] for part in parts if isinstance(part, RGBDClassDataset) for index in range(len(part))}
