#!/usr/bin/env python3
"""Metric depth for image-only datasets.

Writes NAME_depth.png (16-bit millimetres) beside every NAME.jpg, by a model of your choice.

The model is a Hugging Face depth-estimation model, a name or a folder, that predicts metres, e.g. a metric Depth
Anything V2 or ZoeDepth. Can be interrupted at any time: what is written is whole, and the next run goes on with what is
missing.
"""

import argparse
import inspect
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from tqdm import tqdm
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd.apis.devices import find_device
from mmvd.datasets.decoders import to_millimetres
from mmvd.datasets.rasters import read_image
from mmvd.errors import MissingInputsError, WeightsError, exit_code
from mmvd.saving import save_png_atomically

SUFFIX = '_depth.png'
# Depth Anything itself tells whether it is metric
METRIC_FAMILIES = ('depth_anything', 'zoedepth', 'glpn', 'depth_pro')


def load(name: str, device: torch.device, trusted: bool = False) -> tuple:
    """Image processor and model.

    Raises:
        WeightsError: If there is no such model, its weights are not whole, or it is not known to predict metres.
    """
    try:
        processor = AutoImageProcessor.from_pretrained(name)
        model, report = AutoModelForDepthEstimation.from_pretrained(name, output_loading_info=True)
    except (OSError, ValueError, SafetensorError) as error:
        raise WeightsError(f'{name}: no such depth-estimation model ({str(error).splitlines()[0]})') from error
    lacking = [*report['missing_keys'], *report['mismatched_keys']]
    if lacking:
        raise WeightsError(
            f'{name}: the weights lack {len(lacking)} tensors of the model, e.g. {lacking[0]}: their depth would be '
            'random'
        )
    if not hasattr(processor, 'post_process_depth_estimation'):
        raise WeightsError(
            f'{name}: its image processor cannot turn outputs into depth (no post_process_depth_estimation): take '
            'another model'
        )
    family = model.config.model_type
    if getattr(model.config, 'depth_estimation_type', None) == 'relative':
        raise WeightsError(f'{name}: predicts relative depth, VD needs metres: take the metric variant of the model')
    if family not in METRIC_FAMILIES and not trusted:
        raise WeightsError(
            f'{name}: models of the family {family!r} may predict relative or inverse depth, and VD needs metres: pass '
            '--trust-metric if this one predicts metres'
        )
    return processor, model.to(device).eval()


@torch.no_grad()
def predict(model, processor, rgb: np.ndarray, device: torch.device) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> (H, W) float32 metres, by the model's own processing.

    Padding (ZoeDepth), inversion (Depth Pro), size.
    """
    sizes = dict(target_sizes=[rgb.shape[:2]])
    process = processor.post_process_depth_estimation
    if 'source_sizes' in inspect.signature(process).parameters:
        sizes['source_sizes'] = sizes['target_sizes']
    outputs = model(**processor(images=rgb, return_tensors='pt').to(device))
    return process(outputs, **sizes)[0]['predicted_depth'].float().cpu().numpy()


def run(args: argparse.Namespace) -> int:
    """Predict what is missing; returns the number of files written."""
    images = sorted(path for path in args.root.glob(args.images) if not path.name.endswith(SUFFIX))
    if not images:
        raise MissingInputsError(f'{args.root / args.images}: no such images')
    device = find_device(args.device)
    todo = [path for path in images if not path.with_name(path.stem + SUFFIX).is_file()]
    print(f'{len(images)} images, {len(images) - len(todo)} have their depth already', file=sys.stderr)
    if not todo:
        return 0
    processor, model = load(args.model, device, args.trust_metric)
    for path in tqdm(todo, 'depth'):
        rgb = np.ascontiguousarray(read_image(path, allow_cmyk=True)[0][..., ::-1])
        millimetres = to_millimetres(predict(model, processor, rgb, device))
        save_png_atomically(millimetres, path.with_name(path.stem + SUFFIX))
    return len(todo)


def main() -> int:
    """Parse the command line and predict; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', type=Path, help='folder of the dataset')
    parser.add_argument('--model', required=True, help='Hugging Face name or folder of a metric depth-estimation model')
    parser.add_argument(
        '--trust-metric',
        action='store_true',
        help='take a model of another family at your word that it predicts metres',
    )
    parser.add_argument('--images', default='images/*/*.jpg', help='glob below the folder')
    parser.add_argument('--device', help='cpu or cuda; without it a GPU if there is one')
    args = parser.parse_args()
    return exit_code(lambda: print(f'{run(args)} depth maps written'))


if __name__ == '__main__':
    sys.exit(main())
