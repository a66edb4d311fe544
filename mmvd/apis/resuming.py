"""Which checkpoint a training goes on from."""

import ast
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

from mmvd.errors import ConfigError, MissingInputsError, WeightsError
from mmvd.models.weights import load_checkpoint


def set_resume(config: Config, which: str) -> None:
    """Go on from a checkpoint, or from the newest of the run that is whole.

    Args:
        config: The config.
        which: Path of a checkpoint, or ``auto``.

    With ``auto`` and nothing to go on from, training starts from the beginning, as in OpenMMLab.

    Raises:
        MissingInputsError: If the named checkpoint does not exist.
        WeightsError: If it is not whole, or not the state of a run.
        ConfigError: If it was trained with another optimizer.
    """
    if which == 'auto':
        path, content = newest_checkpoint(_checkpoint_folders(config), _template(config))
    else:
        path = Path(which)
        if not path.is_file():
            raise MissingInputsError(
                f'--resume: {path} is no checkpoint file; without a path the newest of the work dir is taken'
            )
        content = load_checkpoint(path)
    if path is None:
        damaged = [each for kind in _saved(_checkpoint_folders(config), _template(config)) for each in kind]
        if damaged:
            raise WeightsError(
                f'{damaged[0]}: none of the {len(damaged)} checkpoints there is whole: move them away to start from '
                'the beginning'
            )
        print(f'--resume: no checkpoint in {config.work_dir}, training starts from the beginning')
        config.resume = False
        return
    meta = content.get('meta') or {}
    if 'message_hub' not in content or not all(isinstance(meta.get(key), int) for key in ('epoch', 'iter')):
        raise WeightsError(
            f'{path}: holds weights, but not the state of a run: start from it with --cfg-options load_from={path}'
        )
    if 'optimizer' in content:
        _check_optimizer(config, meta, path)
    wanted = ('optimizer', *(('param_schedulers',) if config.get('param_scheduler') else ()))
    fresh = [name for name in wanted if name not in content]
    if fresh:
        print(f'WARNING: {path} was saved without {" and ".join(fresh)}, which start anew', file=sys.stderr)
    config.resume, config.load_from = True, str(path)


def read_no_first_files(runner: Runner) -> None:
    """Initialise without ``Pretrained``: the checkpoint brings the tensors, what a run began with may be gone by then.

    The config is left as it is: a new run may begin with it.

    Args:
        runner: Of a training that goes on, before it starts.
    """
    owner = getattr(runner, 'strategy', runner)  # FlexibleRunner's builds the model
    initialise = owner._init_model_weights

    def without_files(*model: nn.Module):
        modules = [each for each in (model[0] if model else runner.model).modules() if _is_pretrained(each)]
        settings = [each.init_cfg for each in modules]
        for each in modules:
            each.init_cfg = None
        try:
            return initialise(*model)
        finally:
            for each, init in zip(modules, settings, strict=True):  # what a checkpoint leaves out is read after all
                each.init_cfg = init

    owner._init_model_weights = without_files


def _is_pretrained(module: nn.Module) -> bool:
    init = getattr(module, 'init_cfg', None)
    return isinstance(init, dict) and init.get('type') == 'Pretrained'


def _check_optimizer(config: Config, meta: dict, path: Path) -> None:
    """What one optimizer remembers another one misreads, or trains on with the settings of the first."""
    was, now = _optimizer_in(meta.get('cfg')), ((config.get('optim_wrapper') or {}).get('optimizer') or {}).get('type')
    if was and isinstance(now, str) and was.split('.')[-1] != now.split('.')[-1]:
        raise ConfigError(
            f'{path}: was trained with {was}, the config says {now}: set optim_wrapper.optimizer.type={was}, or start '
            f'from its weights with --cfg-options load_from={path}'
        )


def _optimizer_in(text: object) -> str | None:
    """Name of the optimizer in a config's text, which is parsed and not run: it comes with a file."""
    try:
        nodes = ast.walk(ast.parse(text))
    except (TypeError, ValueError, SyntaxError, RecursionError):
        return None
    parts = [node.value for node in nodes if isinstance(node, ast.keyword) and node.arg == 'optimizer']
    types = [each.value for part in parts for each in getattr(part, 'keywords', ()) if each.arg == 'type']
    return next((each.value for each in types if isinstance(each, ast.Constant) and isinstance(each.value, str)), None)


def _checkpoint_folders(config: Config) -> list[Path]:
    """Where a run saves: its work dir, and the folder of the checkpoint hook if it has one of its own."""
    work_dir, out_dir = Path(config.work_dir), _checkpoint_hook(config).get('out_dir')
    return [work_dir, *([Path(out_dir) / work_dir.name] if out_dir else [])]


def _checkpoint_hook(config: Config) -> dict:
    return (config.get('default_hooks') or {}).get('checkpoint') or {}


def _template(config: Config) -> str | None:
    return _checkpoint_hook(config).get('filename_tmpl')


def newest_checkpoint(folders: Sequence[Path], template: str | None = None) -> tuple[Path | None, dict]:
    """The whole checkpoint of a run with the most iterations in it, and its content; (None, {}) if there is none.

    Neither the file ``last_checkpoint`` is asked, which a kill may leave empty, nor the times of files, which copies
    change. What is not whole is named and passed over. ``template`` is the ``filename_tmpl`` of the run's checkpoints.
    """
    newest = (_first_whole(paths) for paths in _saved(folders, template))  # one after the other: they are large
    return max(newest, key=lambda found: _progress(found[1]))


def _saved(folders: Sequence[Path], template: str | None) -> list[list[Path]]:
    """Checkpoints of a run by epoch, by iteration, of an interruption, by template; each kind from the last one on."""
    patterns = [r'epoch_(\d+)\.pth', r'iter_(\d+)\.pth', r'interrupted\.pth']
    if template:
        patterns.append(re.sub(r'\\\{.*?\\\}', r'(\\d+)', re.escape(template)))
    found, kinds = [path for folder in folders for path in folder.glob('*')], []
    for pattern in patterns:
        matches = {path: re.fullmatch(pattern, path.name) for path in found}
        numbers = {path: int(next(iter(match.groups()), 0)) for path, match in matches.items() if match}
        kinds.append(sorted(numbers, key=numbers.get, reverse=True))
        found = [path for path in found if path not in numbers]
    return kinds


def _first_whole(paths: Sequence[Path]) -> tuple[Path | None, dict]:
    for path in paths:
        try:
            return path, load_checkpoint(path)
        except WeightsError as error:
            print(f'--resume: passed over {error}', file=sys.stderr)
    return None, {}


def _progress(content: dict) -> tuple[int, int]:
    meta = content.get('meta', {})
    return meta.get('iter', -1), meta.get('epoch', -1)


def warn_of_older_run(config: Config) -> None:
    """A training that begins where another one ended: ``--resume`` would take the newest of both.

    Args:
        config: Of a training that is about to start.
    """
    saved = _saved(_checkpoint_folders(config), _template(config))
    found = [path for kind in saved for path in kind]
    if found and not config.get('resume'):
        print(
            f'WARNING: {found[0].parent} holds checkpoints of an earlier run, from which --resume may go on: choose '
            'another --work-dir, or delete them',
            file=sys.stderr,
        )
