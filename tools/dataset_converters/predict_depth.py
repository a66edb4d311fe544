#!/usr/bin/env python3
"""Metric depth for image-only datasets: writes NAME_depth.png (16-bit millimetres) beside every NAME.jpg, by a model of your choice.

The model is a Hugging Face depth-estimation model, a name or a folder, that predicts metres, e.g. a metric Depth Anything V2 or ZoeDepth.
Can be interrupted at any time: what is written is whole, and the next run goes on with what is missing.
"""
import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd.engine.atomic_backend import AtomicLocalBackend
from mmvd.errors import MissingInputsError, SampleError, WeightsError, exit_code

SUFFIX = '_depth.png'
METRIC_FAMILIES = ('depth_anything', 'zoedepth', 'glpn', 'depth_pro')  # Depth Anything tells itself whether it is metric
MAX_MM = np.iinfo(np.uint16).max


def load(name: str, device: str, trusted: bool = False) -> tuple:
    """Model and its image processor.

    Raises:
        WeightsError: If there is no such model, or if it is not known to predict metres.
    """
    try:
        processor, model = AutoImageProcessor.from_pretrained(name), AutoModelForDepthEstimation.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise WeightsError(f'{name}: no such depth-estimation model ({str(error).splitlines()[0]})') from error
    family = model.config.model_type
    if getattr(model.config, 'depth_estimation_type', None) == 'relative':
        raise WeightsError(f'{name}: predicts relative depth, VD needs metres: take the metric variant of the model')
    if family not in METRIC_FAMILIES and not trusted:
        raise WeightsError(f'{name}: models of the family {family!r} may predict relative or inverse depth, and VD needs metres: pass --trust-metric '
                           'if this one predicts metres')
    if getattr(processor, 'do_pad', False):
        processor.do_pad = False  # ZoeDepth pads, and its prediction would have to be cut before it fits the image
    return processor, model.to(device).eval()


@torch.no_grad()
def predict(model, processor, rgb: np.ndarray, device: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> (H, W) float32 metres."""
    inputs = processor(images=rgb, return_tensors='pt').to(device)
    depth = model(**inputs).predicted_depth.float()
    depth = depth[:, None] if depth.ndim == 3 else depth
    return F.interpolate(depth, rgb.shape[:2], mode='bilinear', align_corners=False)[0, 0].cpu().numpy()


def run(args: argparse.Namespace) -> int:
    """Predict what is missing; returns the number of files written."""
    images = sorted(path for path in args.root.glob(args.images) if not path.name.endswith(SUFFIX))
    if not images:
        raise MissingInputsError(f'{args.root / args.images}: no such images')
    todo = [path for path in images if not path.with_name(path.stem + SUFFIX).is_file()]
    print(f'{len(images)} images, {len(images) - len(todo)} have their depth already', file=sys.stderr)
    processor, model = load(args.model, args.device, args.trust_metric)
    writer = AtomicLocalBackend()
    for path in tqdm(todo, 'depth'):
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise SampleError(f'{path}: no readable image')
        metres = predict(model, processor, np.ascontiguousarray(bgr[..., ::-1]), args.device)
        millimetres = np.clip(np.rint(np.nan_to_num(metres) * 1000), 0, MAX_MM).astype(np.uint16)
        writer.put(cv2.imencode('.png', millimetres)[1].tobytes(), path.with_name(path.stem + SUFFIX))
    return len(todo)


def main() -> int:
    """Parse the command line and predict; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', type=Path, help='folder of the dataset')
    parser.add_argument('--model', required=True, help='Hugging Face name or folder of a metric depth-estimation model')
    parser.add_argument('--trust-metric', action='store_true', help='take a model of another family at your word that it predicts metres')
    parser.add_argument('--images', default='images/*/*.jpg', help='glob below the folder')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args()
    return exit_code(lambda: print(f'{run(args)} depth maps written'))


if __name__ == '__main__':
    sys.exit(main())
