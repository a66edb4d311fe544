"""From a command line to a runner, with everything that can be missing told before the work starts."""
import argparse
import os
from pathlib import Path

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.runner import Runner

from mmvd.errors import ConfigError

from .preflight import check_inputs


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of training and testing."""
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder of logs, checkpoints and results; work_dirs/<config name> by default')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='override config values: key=value ...')
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm', 'mpi'), default='none', help='who starts the processes')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)  # torchrun and its forerunner


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the command line.

    Raises:
        ConfigError: If there is no such file, or a process starter is named where none started this process.
    """
    if not Path(args.config).is_file():
        raise ConfigError(f'{args.config}: no such config file')
    config = Config.fromfile(args.config)
    config.merge_from_dict(args.cfg_options)
    config.launcher = args.launcher
    config.work_dir = args.work_dir or config.get('work_dir') or str(Path('work_dirs') / Path(args.config).stem)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return config


def build_runner(config: Config, training: bool) -> Runner:
    """Check that inputs and work dir are there, then build mmengine's runner.

    Raises:
        MissingInputsError: If datasets or weights are missing.
        ConfigError: If the work dir cannot be written.
    """
    check_inputs(config, training)
    _check_writable(Path(config.work_dir))
    return Runner.from_cfg(config) if 'runner_type' not in config else _custom_runner(config)


def _custom_runner(config: Config) -> Runner:
    from mmengine.registry import RUNNERS
    return RUNNERS.build(ConfigDict(config))


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f'.writable-{os.getpid()}'
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(f'{folder}: the work dir cannot be written ({error.strerror}): choose another one with --work-dir') from error
