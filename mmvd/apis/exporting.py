"""Encoder and completer as graphs at a fixed size, with the distance between what they give and what eager gives."""

import io
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mmengine.logging import MMLogger
from torch import Tensor, nn

from mmvd import ops
from mmvd.arguments import check_size
from mmvd.errors import ConfigError, needs
from mmvd.saving import AtomicLocalBackend, check_file

from .model import VDModel

PARTS, FORMATS = ('encoder', 'completer'), ('pt2', 'onnx')
_OPSET = 18


class Completer(nn.Module):
    """From ``rgb`` (B, 3, H, W) float32 in 0..255 and ``depth`` (B, 1, H, W) metres, 0 = missing, to ``depth_m``.

    An encoding that reads a camera gets the guessed one of the size.
    """

    def __init__(self, model: VDModel):
        super().__init__()
        self.completer = model.completer
        self.register_buffer('mean', model.completer.data_preprocessor.mean.clone())
        self.register_buffer('std', model.completer.data_preprocessor.std.clone())

    def forward(self, rgb: Tensor, depth: Tensor) -> Tensor:
        """Complete."""
        channels = self.completer.backbone.depth_encoding.channels(depth)
        return ops.clean_depth(self.completer(torch.cat(((rgb - self.mean) / self.std, channels), 1)))


def export(model: VDModel, part: str, size: tuple[int, int], path: str | Path) -> dict[str, float]:
    """Export a part for images of one size, and compare it with eager on an input it was not traced with.

    A graph that is there is replaced when the new one is whole and compared.

    Args:
        model: The model, on the CPU.
        part: ``'encoder'`` or ``'completer'``.
        size: (height, width) in pixels, multiples of the patch.
        path: Where the graph goes; its ending says the format, ``.pt2`` (``torch.export``) or ``.onnx``.

    Returns:
        ``max_abs``, the largest distance of an output to eager, ``max_rel``, the same over the largest eager value.

    Raises:
        ConfigError: If part, format or size cannot be exported, or the extra [export] is not installed.
        SavingError: If the graph cannot be written.
    """
    path, patch = Path(path), model.completer.backbone.patch_size
    if part not in PARTS or path.suffix[1:] not in FORMATS:
        raise ConfigError(f'{path}, {part}: the part must be {" or ".join(PARTS)}, the ending {" or ".join(FORMATS)}')
    size = check_size('export', 'size', size)
    if any(side % patch for side in size):
        raise ConfigError(f'size {size}: sides must be multiples of the patch of {patch} px')
    check_file(path)
    encoding = model.completer.backbone.depth_encoding
    if part == 'completer' and encoding.reads != 'metres':
        MMLogger.get_current_instance().warning(
            f'{path}: {type(encoding).__name__} reads the camera: the one guessed for {size} is built into the graph'
        )
    module = (Completer(model) if part == 'completer' else model.completer.backbone).eval()
    with TemporaryDirectory(dir=path.parent, prefix='.') as aside, torch.no_grad():
        graph, (example, other) = Path(aside) / path.name, (_example(part, size, encoding, seed) for seed in (0, 1))
        run = (_export_onnx if path.suffix == '.onnx' else _export_pt2)(module, example, graph)
        expected, found = _as_tuple(module(*other)), run(other)
        for file in Path(aside).iterdir():  # ONNX keeps weights of more than 2 GB beside the graph
            os.replace(file, path.parent / file.name)
    distance = max(float((a - b).abs().max()) for a, b in zip(expected, found, strict=True))
    return dict(max_abs=distance, max_rel=distance / max(float(a.abs().max()) for a in expected))


def _example(part: str, size: tuple[int, int], encoding: nn.Module, seed: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.rand(1, 3, *size, generator=generator) * 255
    depth = (torch.rand(1, 1, *size, generator=generator) * 10 + 0.5).round(decimals=3)
    depth = depth * (torch.rand(1, 1, *size, generator=generator) < 0.5)
    return (rgb, depth) if part == 'completer' else (torch.cat((rgb / 64 - 2, encoding.channels(depth)), 1),)


def _as_tuple(outputs: Tensor | tuple) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _export_pt2(module: nn.Module, example: tuple[Tensor, ...], path: Path):
    content = io.BytesIO()  # torch itself ends the process where the disk is full
    try:
        program = torch.export.export(module, example)
    except Exception as error:  # torch's tracer, whose errors have no common class
        reason = next(iter(str(error).strip().splitlines()), '')[:200]
        raise ConfigError(f'{path.name}: torch cannot export this model ({type(error).__name__}: {reason})') from error
    torch.export.save(program, content)
    AtomicLocalBackend().put(content.getvalue(), path)
    graph = torch.export.load(path).module()
    return lambda inputs: _as_tuple(graph(*inputs))


def _export_onnx(module: nn.Module, example: tuple[Tensor, ...], path: Path):
    with needs('export to ONNX', 'export'):
        import onnxruntime
    is_completer = isinstance(module, Completer)
    names = ['rgb', 'depth'] if is_completer else ['inputs']
    settings = dict(input_names=names, output_names=['depth_m'] if is_completer else None)
    try:
        torch.onnx.export(module, example, path, **settings, dynamo=True, opset_version=_OPSET, external_data=False)
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().splitlines()[-1][:200]
        raise ConfigError(f'{path.name}: ONNX has no such operations ({reason}): export to .pt2') from error
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])

    def run(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        feed = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        return tuple(torch.from_numpy(value) for value in session.run(None, feed))

    return run
