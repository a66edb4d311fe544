#!/usr/bin/env python3
"""Tables 1 and 2 for a checkpoint: every protocol of ``configs/completion`` whose data are there.

The paper's figures stand in lines of their own. Other methods stand beside the model as stored predictions; results of
different protocols are refused.
"""

import argparse
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path

from mmengine.config import Config

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.configs import read_config, shipped_configs
from mmvd.apis.launch import running
from mmvd.apis.loading import open_model
from mmvd.apis.packing import is_pack
from mmvd.apis.preflight import check_inputs
from mmvd.errors import ConfigError, MissingInputsError, exit_code
from mmvd.evaluation.baselines import BASELINES
from mmvd.evaluation.protocols import check_comparable
from mmvd.evaluation.report import provenance
from mmvd.models.weights import LEFT_OUT, load_checkpoint
from mmvd.saving import check_writable, save_json, save_text

ABLATION = 'vd/ablation'
OWN = 'this checkpoint'
LONG = ('frames_auc', 'rooms_auc')


@cache
def paper_table_1() -> dict[str, dict]:
    """The paper's Table 1 by protocol, out of the configs of its rows; Table 2 stands in those of the protocols."""
    found: dict[str, dict] = {}
    for path in sorted((shipped_configs() / ABLATION).glob('*.py')):
        for test_set, area in read_config(path).get('paper', {}).get('auc_rmse_mm', {}).items():
            found.setdefault(f'{test_set}_auc', dict(auc_rmse_mm={}))['auc_rmse_mm'][path.stem] = area
    return found


@cache
def protocols() -> dict[str, Path]:
    """Configs of the protocols that give numbers, by name."""
    found = sorted((shipped_configs() / 'completion').glob('*.py'))
    return {path.stem: path for path in found if read_config(path).test_evaluator.type == 'mmvd.DepthCompletionMetric'}


def under(protocol: Config, model: dict, work_dir: str) -> Config:
    """A config that tests a model under a protocol."""
    config = deepcopy(protocol)
    keeps_sweep = dict(test_cfg=protocol.model.get('test_cfg')) if model.type == 'mmvd.DepthCompleter' else {}
    config.model, config.work_dir = Config(dict(model=dict(model, **keeps_sweep))).model, work_dir
    config.custom_hooks = [dict(type='mmvd.StrictLoadHook')]
    return config


def evaluate(config: Config, checkpoint: str | None) -> dict:
    """Result of the metric."""
    config.load_from = checkpoint
    with running(config, training=False) as runner:
        runner.test()
    return runner.test_evaluator.metrics[0].result


def numbers(result: dict) -> dict[str, float | None]:
    """What a table shows of each method: RMSE in mm over all truth, or the mean over densities on removed pixels."""
    if 'auc' in result:
        return {name: areas['removed']['area_per_width'] for name, areas in result['auc'].items()}
    return {name: errors['all']['rmse_mm'][0] for name, errors in result['errors'].items()}


def format_rows(name: str, results: dict[str, dict], paper: dict) -> str:
    """One protocol: what was measured here, then the paper's figures."""
    first = next(iter(results.values()))
    cells = numbers(first)
    own = next(iter(results))
    cells = {own: cells.pop('model'), f'{own}, input kept': cells.pop('model_keep_input'), **cells}
    cells.update({other: numbers(result)['model'] for other, result in list(results.items())[1:]})
    quantity = 'mean RMSE over densities, removed pixels' if 'auc' in first else 'RMSE, all truth'
    lines = [f'{name}: {quantity} [mm]; {", ".join(f"{k} {v}" for k, v in first["protocol"].items() if k in SHOWN)}']
    lines.append('  here       ' + '  '.join(f'{key}: {_text(value)}' for key, value in cells.items()))
    for method, result in results.items():
        holes = ', '.join(f'{count} x {what}' for what, count in result['holes'].items() if count)
        lines += [f'  HOLES      {method}: {holes}'] if holes else []
    if 'auc_rmse_mm' in paper:
        rows = '  '.join(f'{row}: {value}' for row, value in paper['auc_rmse_mm'].items())
        lines.append(f'  the paper  AUC RMSE: {rows}')
    if 'rmse_mm' in paper:
        lines.append('  the paper  ' + '  '.join(f'{row}: {value}' for row, value in paper['rmse_mm'].items()))
    if 'norm_m' in paper:
        lines.append(f'  the paper  VD(Norm): {paper["norm_m"]} (metres, by its size)')
    return '\n'.join(lines)


SHOWN = ('test_set', 'images', 'resolution', 'min_depth_m', 'cap_m', 'reduction')


def _text(value: float | None) -> str:
    return 'no number' if value is None else f'{value:.1f}'


def main() -> int:
    """Parse the command line, evaluate, print and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint of a depth completer, or packed folder; the model of the package by default',
    )
    parser.add_argument('--config', default='pretrain_dinov2_pde', help='config of a checkpoint, file or name')
    parser.add_argument(
        '--tests',
        nargs='+',
        choices=sorted(protocols()),
        help=f'all whose data are there by default, but {" and ".join(LONG)}, which model_card.py shows',
    )
    parser.add_argument(
        '--stored', nargs=2, action='append', default=[], metavar=('METHOD', 'FOLDER'), help='predictions on disk'
    )
    parser.add_argument('--work-dir', default='work_dirs/completion_tables')
    args = parser.parse_args()
    return exit_code(lambda: report(args))


def report(args: argparse.Namespace) -> None:
    """Evaluate under each protocol, write JSON and text."""
    out, methods = Path(args.work_dir), [OWN, *(method for method, _ in args.stored)]
    if len({*methods, *BASELINES}) < len(methods) + len(BASELINES):
        raise ConfigError(f'--stored: {", ".join(methods)}: give each METHOD another name, and none of a floor')
    gone = next((folder for _, folder in args.stored if not Path(folder).is_dir()), None)
    if gone is not None:
        raise MissingInputsError(f'--stored: {gone}: no such folder of predictions')
    check_writable(out)
    packed = args.checkpoint is None or is_pack(args.checkpoint)
    config, checkpoint = open_model(args.checkpoint) if packed else open_model(args.config, args.checkpoint)
    content = load_checkpoint(checkpoint)  # what is wrong with it is told before anything is evaluated
    if LEFT_OUT not in content:
        config.model.backbone.init_cfg = None
    texts: list[str] = []
    for name in args.tests or ():  # what is missing for one is told before the first is evaluated
        check_inputs(under(read_config(protocols()[name]), config.model, str(out)), training=False)
    for name in protocols():
        if name in args.tests if args.tests else name not in LONG:
            texts.append(table(name, args, config.model, str(checkpoint)))
            save_text('\n'.join(texts) + '\n', out / 'tables.txt')
    print('\n'.join(texts))


def table(name: str, args: argparse.Namespace, model: dict, checkpoint: str) -> str:
    """Evaluate under one protocol, write JSON; returns the text."""
    out, protocol = Path(args.work_dir), read_config(protocols()[name])
    try:
        results = {OWN: evaluate(under(protocol, model, str(out / name)), checkpoint)}
    except MissingInputsError as error:
        if args.tests:
            raise
        told = str(error).splitlines()  # a list of what is missing begins with the name of the config
        return f'{name}: data not here ({told[min(1, len(told) - 1)].strip()})'
    sweeps = bool(protocol.model.get('test_cfg'))  # a stored map is of one density
    for method, folder in () if sweeps else args.stored:
        stored = Config(dict(model=dict(type='mmvd.StoredPredictions', folder=folder))).model
        results[method] = evaluate(under(protocol, stored, str(out / name / method)), None)
    check_comparable({method: result['protocol'] for method, result in results.items()})
    save_json(dict(results=results, **provenance(protocol, 0)), out / f'{name}.json')
    text = format_rows(name, results, dict(protocol.get('paper', {}), **paper_table_1().get(name, {})))
    without = '\n  no stored predictions: they are of one density, the protocol asks for several'
    return text + (without if sweeps and args.stored else '')


if __name__ == '__main__':
    sys.exit(main())
