"""What tables of several trainings share: each training is done once, values get a spread, rows become a CSV."""

import hashlib
import math
import platform
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from mmengine.config import Config

from mmvd.apis.devices import find_device
from mmvd.apis.missing_data import recipe_of
from mmvd.apis.preflight import check_inputs
from mmvd.compat import inspect_versions
from mmvd.errors import ConfigError, Missing, MissingInputsError
from mmvd.saving import check_file, save_csv, save_text
from mmvd.version import __version__

from .timing import Comparison

ROOT = Path(__file__).parents[2]


def train_once(config: Config, folder: Path) -> Path:
    """Train unless it is done, going on where it was interrupted.

    Args:
        config: What to train.
        folder: Its work dir, of this training alone.

    Returns:
        The last checkpoint.

    Raises:
        ConfigError: If the folder holds a training with another config or encoder, or the training fails.
        MissingInputsError: If the encoder's weights are not here.
    """
    claim(config, folder)
    last, finished = last_checkpoint(config, folder), folder / 'finished.txt'
    if not (last.is_file() and finished.is_file()):  # the last checkpoint is there before its validation is
        print(f'{folder.name} ...', file=sys.stderr, flush=True)
        path = folder / 'config.py'
        config.dump(path)
        command = [sys.executable, ROOT / 'tools/train.py', path, '--work-dir', folder, '--resume']
        done = subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL)
        if done.returncode:
            raise ConfigError(f'{folder.name}: the training ended with {done.returncode}, its message is above')
        save_text(f'{last.name}\n', finished)
    return last


def last_checkpoint(config: Config, folder: Path) -> Path:
    """What a training leaves at its end, by epochs or by iterations."""
    epochs = config.train_cfg.get('max_epochs')
    return folder / (f'epoch_{epochs}.pth' if epochs else f'iter_{config.train_cfg.max_iters}.pth')


def claim(config: Config, folder: Path) -> None:
    """Make the work dir of a training, or see that it is that of this training.

    Raises:
        ConfigError: If it is that of another one.
        MissingInputsError: If the encoder's weights are not here.
    """
    wanted = f'{weights_hash(config)}\n{config.pretty_text}'
    stamp = folder / 'trained_with.txt'
    if folder.is_dir() and not (stamp.is_file() and stamp.read_text() == wanted):
        raise ConfigError(
            f'{folder}: holds a training with another config or encoder: delete it, or choose another --work-dir'
        )
    save_text(wanted, stamp)


def weights_hash(config: Config) -> str:
    """SHA-256 of the weights that the encoder starts from, empty if it starts at random.

    Raises:
        MissingInputsError: If they are not here.
    """
    start = (config.model.backbone.get('init_cfg') or {}).get('checkpoint')
    if not start:
        return ''
    path = Path(start)
    if not path.is_file():
        raise MissingInputsError(str(Missing(str(path), 'no such checkpoint', recipe_of(start))))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_tested(config: Config) -> None:
    """See that a config can be tested, before the work that comes first.

    Raises:
        ConfigError: If it has no test data, or they do not fit.
        MissingInputsError: If they are not here.
    """
    if not config.get('test_dataloader'):
        raise ConfigError(f'{config.filename}: has no test_dataloader, on whose data the table is measured')
    check_inputs(config, training=False)


def check_runs(seeds: Sequence[int], out: str | Path) -> None:
    """See that runs are independent and that their table can be written, before the first one starts.

    Raises:
        ConfigError: If a seed stands twice, or there can be no such file.
    """
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f'--seeds {" ".join(map(str, seeds))}: two runs of one seed are the same run')
    check_file(Path(out))


def with_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation; NaN for the spread of one value, or of values that are not finite."""
    mean = sum(values) / len(values)
    return mean, statistics.stdev(values) if len(values) > 1 and math.isfinite(mean) else math.nan


def device_name(device: torch.device) -> str:
    """Name of the processor or accelerator."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    about = Path('/proc/cpuinfo')
    lines = about.read_text().splitlines() if about.exists() else []
    names = (line.split(':')[1].strip() for line in lines if line.startswith('model name'))
    return f'{next(names, platform.processor())}, {torch.get_num_threads()} threads'


def write_rows(path: str | Path, rows: Sequence[dict], device: str | torch.device | None = None, **common: str) -> None:
    """Rows as CSV, each with machine, versions and command; what a row lacks stays empty.

    Args:
        path: The file.
        rows: Values by column.
        device: Where they were measured; None is where models run that are not told, an accelerator if there is one.
        **common: What else is the same in all rows.
    """
    found = inspect_versions()
    common = dict(
        device=device_name(find_device(device)),
        **common,
        mmvd=__version__,
        python=platform.python_version(),
        **{name: found[name] for name in ('torch', 'numpy', 'timm')},
        command='python ' + shlex.join(sys.argv),
    )
    columns = dict.fromkeys(key for row in rows for key in row)  # the common ones come last
    save_csv([dict(columns | row, **common) for row in rows], path)


def write_comparisons(
    path: str | Path, parts: Iterable[Iterable[Comparison]], device: torch.device, **common: str
) -> None:
    """Comparisons as CSV, told as they come; what was measured before an interruption is kept.

    Args:
        path: The file.
        parts: Comparisons that belong together.
        device: Where they are measured.
        **common: What is the same in all rows.
    """
    rows = []
    for part in parts:
        for comparison in part:
            rows.append(comparison.row())
            print(comparison, flush=True)
        write_rows(path, rows, device, **common)
