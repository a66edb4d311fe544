"""Which OpenMMLab stack is installed, judged by the distribution that owns the file that would be imported."""

import importlib.metadata as metadata
import importlib.util
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

PROVIDERS = {
    'mmengine': ('onedl-mmengine', 'mmengine'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite'),
    'mmpretrain': ('onedl-mmpretrain', 'mmpretrain'),
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation'),
    'mmdet': ('onedl-mmdetection', 'mmdet'),
}
_LIBRARIES = ('torch', 'torchvision', 'timm', 'transformers', 'numpy', 'safetensors')
_OPENCV = ('opencv-python', 'opencv-python-headless', 'opencv-contrib-python', 'opencv-contrib-python-headless')


@dataclass
class StackReport:
    """Lines to print, and the clashes among them that must be mended."""

    lines: list[str] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _owner(package: str, candidates: tuple[str, ...]) -> str | None:
    """Distribution whose record holds the ``__init__.py`` that an import of the package would run."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    target = Path(spec.origin).resolve()
    for name in candidates:
        try:
            files = metadata.files(name) or []
        except metadata.PackageNotFoundError:
            continue
        if any(Path(file.locate()).resolve() == target for file in files if file.name == '__init__.py'):
            return name
    return 'a source checkout'


def _check_hosts(report: StackReport) -> None:
    stacks = set()
    for package, candidates in PROVIDERS.items():
        installed = [name for name in candidates if _version(name)]
        owner = _owner(package, candidates)
        if owner is None:
            report.lines.append(f'{package:<12} not installed')
            if package in ('mmengine', 'mmcv'):
                report.clashes.append(f"{package} is missing: pip install 'mmvd[onedl]' (or 'mmvd[upstream]')")
            continue
        report.lines.append(f'{package:<12} {_version(owner) or "?"} from {owner}')
        stacks.add('onedl' if owner.startswith('onedl-') else 'upstream')
        if len(installed) > 1:
            report.clashes.append(
                f'{package} is provided by {" and ".join(installed)}, which overwrite each other: '
                f'pip uninstall {" ".join(installed)}, then install one stack'
            )
    if len(stacks) > 1:
        report.clashes.append('packages of the OneDL and the upstream stack are mixed: keep one of them')


def _runs(code: str) -> str | None:
    """Error of a fresh interpreter that runs the code, None if there is none.

    A broken binary must not end the doctor.
    """
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=300)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ['it died without a message'])[-1]


def _check_libraries(report: StackReport) -> None:
    for name in _LIBRARIES:
        report.lines.append(f'{name:<12} {_version(name) or "not installed"}')
    error = _runs('import torch, torchvision; torchvision.ops.nms(torch.rand(1, 4), torch.rand(1), 0.5)')
    if error:
        report.clashes.append(
            f'torch {_version("torch")} and torchvision {_version("torchvision")} do not fit: {error}'
        )
    error = _runs('import cv2')
    if error:
        report.clashes.append(
            f'OpenCV does not import: {error} (on a machine without a display: '
            'pip install --force-reinstall opencv-python-headless)'
        )
    opencv = {name: _version(name) for name in _OPENCV if _version(name)}
    report.lines.append(f'{"cv2":<12} ' + ', '.join(f'{name} {version}' for name, version in opencv.items()))
    if len(set(opencv.values())) > 1:
        report.clashes.append(f'OpenCV is installed in several versions ({opencv}): keep one version')
    transformers, host = _version('transformers'), any(map(_version, PROVIDERS['mmpretrain']))
    if transformers and host and tuple(int(part) for part in transformers.split('.')[:2]) >= (4, 50):
        report.clashes.append(
            f"transformers {transformers} breaks mmpretrain's models: pip install 'transformers>=4.49,<4.50'"
        )


def inspect_versions() -> dict[str, str]:
    """Versions of every distribution that mmvd stands on, for the provenance of a result."""
    names = [name for candidates in PROVIDERS.values() for name in candidates] + list(_LIBRARIES + _OPENCV)
    return {name: version for name in names if (version := _version(name))}


def inspect_stack() -> StackReport:
    """Look at everything installed that mmvd stands on; imports none of it into this process."""
    from .operators import has_compiled_operators

    report = StackReport([f'{"python":<12} {sys.version.split()[0]}'])
    _check_hosts(report)
    operators = 'compiled' if has_compiled_operators() else 'stand-in of mmvd (deformable attention, NMS)'
    report.lines.append(f'{"mmcv._ext":<12} {operators}')
    _check_libraries(report)
    upstream_engine = _version('mmengine')
    setuptools = _version('setuptools')
    if upstream_engine == '0.10.7' and setuptools and int(setuptools.split('.')[0]) >= 81:
        report.clashes.append(
            f"mmengine 0.10.7 needs pkg_resources, gone from setuptools {setuptools}: pip install 'setuptools<81'"
        )
    return report
