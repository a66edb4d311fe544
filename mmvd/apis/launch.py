"""From a command line to a runner, with everything that can be missing told before the work starts."""

import argparse
import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import torch
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmvd.engine.hooks.checks import check_finite
from mmvd.errors import ConfigError
from mmvd.models.weights import load_checkpoint
from mmvd.saving import check_writable

from .config_schema import check_kinds, override
from .configs import building, check_has_model, read_config
from .preflight import check_channels, check_inputs, warn_of_idle_rules
from .resuming import read_no_first_files, warn_of_older_run


def add_common_arguments(parser: argparse.ArgumentParser, distributed: bool = True, with_work_dir: bool = True) -> None:
    """Arguments of training and testing.

    A folder only where something is written, several processes only where the work can be shared.
    """
    parser.add_argument('config', help='config file')
    if with_work_dir:
        parser.add_argument(
            '--work-dir', help='folder of logs, checkpoints and results; work_dirs/<config name> by default'
        )
    else:
        parser.set_defaults(work_dir=None)
    add_overrides(parser)
    if not distributed:
        parser.set_defaults(launcher='none', local_rank=0)
        return
    parser.add_argument(
        '--launcher', choices=('none', 'pytorch', 'slurm', 'mpi'), default='none', help='who starts the processes'
    )
    # torchrun and its forerunner
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Values of the config that the command line sets."""
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={}, help='override config values: key=value ...'
    )


def load_config(args: argparse.Namespace, training: bool = False) -> Config:
    """Read the config, of a training if it is one, and apply the command line.

    Raises:
        ConfigError: If there is no such file, it cannot be read or has no model, an override is read by nothing, a
            process starter is named where none started this process, or there are GPUs, but none for this process.
    """
    _check_has_gpu(args.launcher, args.local_rank)
    config = read_config(args.config)
    starter = dict(pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK').get(args.launcher)
    if starter and starter not in os.environ:
        raise ConfigError(
            f'--launcher {args.launcher}: no process starter set {starter}: start with tools/dist_train.sh or '
            'tools/slurm_train.sh'
        )
    override(config, args.cfg_options)
    check_has_model(config)
    check_kinds(config)
    if training:
        check_training(config)
    config.launcher = args.launcher
    config.work_dir = args.work_dir or config.get('work_dir') or str(Path('work_dirs') / Path(args.config).stem)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.launcher == 'pytorch' and get_device() == 'cpu':
        _start_processes_without_gpus(config)
    return config


def _check_has_gpu(launcher: str, local_rank: int) -> None:
    """Where there are GPUs each process takes one of its own: mmengine counts on it, wherever it logs too."""
    told_by = dict(slurm='SLURM_LOCALID', mpi='OMPI_COMM_WORLD_LOCAL_RANK').get(launcher, 'LOCAL_RANK')
    rank, gpus = int(os.environ.get(told_by) or local_rank), torch.cuda.device_count()
    if gpus and rank >= gpus:
        raise ConfigError(
            f'process {rank + 1} of this machine has no GPU, torch sees {gpus}: start one process for each'
        )


def _start_processes_without_gpus(config: Config) -> None:
    """Mmengine sets a CUDA device and wraps the model for one; on CPUs the processes talk by gloo."""
    torch.distributed.init_process_group('gloo')
    config.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)


def set_speed(config: Config, amp: bool, compiled: bool) -> None:
    """Switch bf16 autocast and torch.compile on.

    Raises:
        ConfigError: If ``amp`` is asked for where no accelerator can use it.
    """
    if amp:
        if get_device() == 'cpu':
            raise ConfigError(
                '--amp needs an accelerator: no GPU is visible to torch here, leave --amp out to train in float32'
            )
        config.optim_wrapper.type = 'mmvd.BF16OptimWrapper'
    if compiled:
        config.custom_hooks = [*config.get('custom_hooks', []), dict(type='mmvd.CompileHook')]


def build_runner(config: Config, training: bool) -> Runner:
    """Check that inputs and work dir are there, then build mmengine's runner.

    Raises:
        MissingInputsError: If datasets or weights are missing.
        WeightsError: If the checkpoint is not whole.
        ConfigError: If the work dir cannot be written, the config contradicts itself, or FSDP is asked for without
            GPUs or without a process starter.
    """
    if 'FSDP' in (config.get('strategy') or {}).get('type', ''):
        _check_sharded(config)
    check_inputs(config, training)
    if config.get('load_from') and not config.get('resume'):
        # mmengine's own reading of a damaged file ends in whatever the bytes lead it to
        load_checkpoint(config.load_from)
    if training:
        _warn_of_another_batch(config)
        warn_of_older_run(config)
    check_writable(Path(config.work_dir))
    # mmengine writes the config into every checkpoint, and yapf lays out one with long paths for seconds each time
    config = Config(config._to_lazy_dict(), filename=config.filename, format_python_code=False)
    with building('the runner'):
        runner = RUNNERS.build(config) if 'runner_type' in config else Runner.from_cfg(config)
        if training and config.get('resume'):
            read_no_first_files(runner)
        if type(runner) is Runner:
            _build_parts(runner, training)
    model = getattr(runner, 'model', None)  # FSDP's runner builds it later
    check_channels(config, model)
    if training and isinstance(model, torch.nn.Module):
        warn_of_idle_rules(config, model)
    return runner


def check_training(config: Config) -> None:
    """Refuse a config that cannot train.

    Raises:
        ConfigError: If a part is lacking, or mmengine is to compile the step.
    """
    lacking = [name for name in ('train_dataloader', 'train_cfg', 'optim_wrapper') if not config.get(name)]
    if lacking:
        raise ConfigError(f'{config.filename}: a training needs {" and ".join(lacking)}: this config is for testing')
    if config.get('compile'):
        raise ConfigError('compile: mmengine compiles the reading of a batch, too, which torch cannot: say --compile')


def _check_sharded(config: Config) -> None:
    """What FSDP needs, and checkpoints that are files: those of shards are folders, which no tool of ours reads."""
    if get_device() == 'cpu':
        raise ConfigError(
            "strategy.type=FSDPStrategy: mmengine's FSDP places each process on a GPU, and none is visible to torch "
            'here'
        )
    if config.get('launcher', 'none') == 'none':
        raise ConfigError('strategy.type=FSDPStrategy shards among processes: start them with tools/dist_train.sh')
    if config.get('resume'):
        raise ConfigError('--resume: a sharded run cannot go on yet, its checkpoints can be tested')
    config.strategy.setdefault('state_dict_cfg', 'full')


def _build_parts(runner: Runner, training: bool) -> None:
    """What mmengine builds only when it trains or tests, in its order; it takes over what is there."""
    if not training:
        runner._test_loop = runner.build_test_loop(runner._test_loop)
        return
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    runner.scale_lr = lambda *_: None  # mmengine would scale again when it trains
    if runner.param_schedulers is not None:
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
    if runner._val_loop is not None:
        runner._val_loop = runner.build_val_loop(runner._val_loop)


@contextmanager
def running(config: Config, training: bool) -> Iterator[Runner]:
    """A runner of :func:`build_runner` while it works; its worker processes end with that, however it ends.

    mmengine leaves persistent workers to the interpreter's exit, where older torch (2.11) waits five seconds for one
    after the other if memory is pinned. The garbage collector finds them too late to send word, and waits as long.

    Args:
        config: See :func:`build_runner`.
        training: See :func:`build_runner`.

    Raises:
        SavingError: If a training stumbles over weights that hold NaN or inf.
    """
    runner = build_runner(config, training)
    try:
        yield runner
    except ValueError:  # the matching of Mask2Former's heads stumbles over NaN before there is a loss to look at
        if training and isinstance(runner.model, torch.nn.Module):  # FlexibleRunner builds it later
            check_finite(runner)
        raise
    finally:
        for loop in (runner._train_loop, runner._val_loop, runner._test_loop):
            loader = getattr(loop, 'dataloader', None)
            if getattr(loader, '_iterator', None) is not None:
                loader._iterator._shutdown_workers()
                loader._iterator = None


def leave(code: int) -> NoReturn:
    """End this process; one of several leaves their group first, and does not take the interpreter down piece by piece.

    Gloo's threads may let go of a collective's tensors only after all others have left, even after the group is gone.
    If the interpreter is finalizing by then, torch aborts a process that had finished (PyTorch issue 190489; seen on a
    busy machine).

    Args:
        code: Exit code.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        sys.exit(code)
    if code == 0:
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    atexit._run_exitfuncs()  # loggers and worker processes end as they would
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _warn_of_another_batch(config: Config) -> None:
    """A recipe's rates and number of steps hold for its global batch.

    OpenMMLab's ``batch_size`` is that of one process.
    """
    told_by = dict(pytorch='WORLD_SIZE', slurm='SLURM_NTASKS', mpi='OMPI_COMM_WORLD_SIZE').get(config.get('launcher'))
    count = int(os.environ.get(told_by, 1)) if told_by else 1
    own, steps = config.train_dataloader.get('batch_size', 1), config.optim_wrapper.get('accumulative_counts', 1)
    wanted = config.get('global_batch_size', own * count * steps)
    if own * count * steps != wanted:
        print(
            f'WARNING: {count} process(es) with train_dataloader.batch_size={own} make a global batch of '
            f'{own * count * steps}, the rates and '
            f'steps of the recipe are for {wanted}: {max(wanted // count // steps, 1)} would make that',
            file=sys.stderr,
        )
