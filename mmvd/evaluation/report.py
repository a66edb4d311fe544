"""Text tables, and where a number comes from."""

import subprocess
import sys
from pathlib import Path

import torch
from mmengine.config import Config

from mmvd.compat import inspect_versions
from mmvd.saving import save_json
from mmvd.version import __version__

_COLUMNS = dict(
    model='network',
    model_keep_input='input kept',
    untrained='untrained',
    nearest='nearest fill',
    inpaint='inpainting',
    linear='linear interp.',
    bilateral='bilateral',
    guided='guided',
    mean='mean of kept',
)


def provenance(config: Config, seed: int | None) -> dict:
    """Config, versions, git revision, seed and machine of a result."""
    return dict(
        config_file=config.filename and Path(config.filename).name,
        config=config.pretty_text,
        seed=seed,
        git_revision=_git_revision(),
        versions=dict(inspect_versions(), mmvd=__version__, python=sys.version.split()[0]),
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu',
    )


def save_result(runner, name: str, result: dict, **state: int | str | None) -> Path:
    """Write what an evaluation found, with where it comes from, to ``<work_dir>/results/<name>.json``.

    Args:
        runner: mmengine's runner.
        name: Of the file, without ending.
        result: What a metric found.
        **state: Of what was evaluated: epoch, or checkpoint.

    Returns:
        The file.

    Raises:
        SavingError: If it cannot be written.
    """
    path = Path(runner.work_dir) / 'results' / f'{name}.json'
    save_json(dict(result=result, **state, **provenance(runner.cfg, runner.seed)), path)
    return path


def _git_revision() -> str | None:
    """Revision of the checkout; None outside of one, or without git."""
    try:
        git = subprocess.run(
            ['git', 'describe', '--always', '--dirty'], cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except OSError:
        return None
    return git.stdout.strip() or None


def format_table(result: dict, untrained: dict | None = None) -> str:
    """RMSE of removed pixels in mm: a row per density, a column per method; the best of a row is marked with *.

    Args:
        result: ``DepthCompletionMetric.result``.
        untrained: The same of the untrained network; left out if it was measured by another protocol.
    """
    curves = {name: errors['removed']['rmse_mm'] for name, errors in result['errors'].items()}
    areas = {name: area['removed']['area_per_width'] for name, area in result.get('auc', {}).items()}
    if untrained and untrained['protocol'] == result['protocol']:
        curves['untrained'] = untrained['errors']['model']['removed']['rmse_mm']
        areas['untrained'] = untrained.get('auc', {}).get('model', {}).get('removed', {}).get('area_per_width')
    names = [name for name in _COLUMNS if name in curves]
    how = 'mean over' if result['protocol']['reduction'].startswith('per image') else 'over all pixels of'
    lines = [
        'RMSE on removed pixels [mm], {how} {images} images, depth within {min_depth_m} to {cap_m} m; * best of '
        'the row'.format(how=how, **result['protocol'])
    ]
    lines.append(f'{"kept depth":<18}' + ''.join(f'{_COLUMNS[name]:>14}' for name in names))
    for row, kept in enumerate(result['protocol']['kept_densities']):
        label = kept if isinstance(kept, str) else f'{kept:.0%}'
        lines.append(_row(label, [curves[name][row] for name in names]))
    if len(result['protocol']['kept_densities']) > 1 and 'auc' in result:
        lines.append(_row('AUC / width', [areas[name] for name in names]))
    probes = result.get('probes', {})
    if probes.get('halving_ratio') is not None:
        lines.append(f'input depth halved: prediction x {probes["halving_ratio"]:.3f} (ideal 0.5)')
    if probes.get('swapped_rgb_rmse_mm') is not None:
        lines.append(
            f'RGB swapped between images: {probes["swapped_rgb_rmse_mm"]:.1f} mm, with its own RGB '
            f'{probes["probe_rmse_mm"]:.1f} mm'
        )
    return '\n'.join(lines)


def _row(label: str, values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    cells = ['-' if value is None else f'{value:.1f}{"*" if value == min(known) else " "}' for value in values]
    return f'{label:<18}' + ''.join(f'{cell:>14}' for cell in cells)
