#!/usr/bin/env python3
"""What the model of a config really sees, after pipeline and data preprocessor.

Leaves a contact sheet: RGB, depth that is given and that is to be recovered, channels of the encoding, labels; beside
it histograms of depth and density of the datasets as they are on disk. Redraws are told with their reasons. Without a
config: one figure of the histograms of the paper's fifteen datasets, as far as they are here.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import nn

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.configs import building, check_has_model
from mmvd.apis.data_configs import check_pipelines, read_data_config
from mmvd.apis.launch import add_overrides
from mmvd.apis.missing_data import missing_data, missing_of
from mmvd.apis.preparation import paper_datasets
from mmvd.arguments import check_int
from mmvd.datasets.probe_splits import class_names
from mmvd.datasets.rgbd_dataset import RGBDDataset
from mmvd.datasets.transforms.loading import LoadDepth, LoadImage
from mmvd.errors import ConfigError, DepthFileError, MissingInputsError, MMVDError, SampleError, exit_code
from mmvd.registry import DATASETS, MODELS
from mmvd.saving import check_writable
from mmvd.visualization import Objects, depth_histograms, samples_picture

_PATIENCE = 20  # samples that cannot be read
_CHANNELS = 3  # of an encoding that are drawn: the first, one in the middle, the last


def main() -> int:
    """Parse the command line and draw; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', nargs='?', help="config file; none: the paper's datasets")
    parser.add_argument('--loader', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--samples', type=int, default=12)
    parser.add_argument('--maps', type=int, default=40, help='depth maps of each dataset for the histograms')
    parser.add_argument('--out', default='work_dirs/browse', help='folder of the pictures')
    add_overrides(parser)
    args = parser.parse_args()
    return exit_code(lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Check the arguments, then draw."""
    check_int('browse_dataset', '--samples', args.samples)
    check_int('browse_dataset', '--maps', args.maps)
    check_writable(Path(args.out))
    if args.cfg_options and not args.config:
        raise ConfigError('browse_dataset --cfg-options: there is no config to override')
    report(args) if args.config else of_the_paper(args)


def of_the_paper(args: argparse.Namespace) -> None:
    """Draw the histograms of those of the paper's datasets that are here; tell of the others."""
    depths = {}
    for name, settings in paper_datasets().items():
        try:
            problem = missing_of(settings)
            if not problem:
                depths[name] = depth_maps(DATASETS.build(dict(settings, pipeline=[])), args.maps)
        except MMVDError as error:
            problem = str(error)
        if problem:
            print(f'left out: {name}: {problem}')
    if not any(depths.values()):
        raise MissingInputsError('there is no depth to draw: python -m mmvd data status tells which datasets are here')
    write_histograms(depths, Path(args.out) / 'paper_depth.png')


def write_histograms(depths: dict[str, list[np.ndarray]], path: Path) -> None:
    """One figure of those that have depth, and its name for the reader."""
    depths = {name: maps for name, maps in depths.items() if maps}
    if depths:
        depth_histograms(depths, path)
        print(path)


def report(args: argparse.Namespace) -> None:
    """Draw both pictures and tell of redraws."""
    name = f'{args.loader}_dataloader'
    out, config = Path(args.out), read_data_config(args.config, (name,), args.cfg_options)
    check_pipelines(config, (name,))
    check_has_model(config)
    if not config.get(name):
        raise ConfigError(f'{args.config}: has no {name}')
    check_is_here(config, name)
    alone = dict(num_workers=0, persistent_workers=False, prefetch_factor=None, timeout=0)  # one process reads
    loader = dict(config[name], batch_size=1, **alone)
    with building('the loader'):
        loader = Runner.build_dataloader(loader, seed=config.get('randomness', {}).get('seed', 0))
    with building('the data preprocessor'):
        preprocessor = MODELS.build(config.model.data_preprocessor)
    samples, titles, meta = [], [], getattr(loader.dataset, 'metainfo', {})
    for data in islice(readable(loader, max(args.samples, _PATIENCE)), args.samples):
        sample = data['data_samples'][0]
        titles.append(title(sample, class_names(meta)))
        for reason in sample.metainfo.get('redraw_reasons', ()):
            print(f'redrawn: {reason}')
        batch = preprocessor(data, args.loader == 'train')
        samples.append(seen(batch, preprocessor, config.model))
        samples[-1].update(labels(batch['data_samples'][0], samples[-1]['RGB'], meta.get('classes') or ()))
    samples_picture(samples, titles, out / f'{args.loader}_samples.png')
    print(out / f'{args.loader}_samples.png')
    depths = {name: depth_maps(dataset, args.maps) for name, dataset in file_datasets(loader.dataset)}
    write_histograms(depths, out / f'{args.loader}_depth.png')


def check_is_here(config: Config, loader: str) -> None:
    """Look for the files of a loader before it is built.

    Raises:
        MissingInputsError: If some are not here; names all that is missing, and how to do without.
    """
    missing = list(missing_data(config[loader].dataset))
    if missing:
        some = f'\nlook at what is here: --cfg-options {loader}.dataset.only=NAME,NAME'
        mixed = isinstance(config[loader].dataset.get('datasets'), dict)
        raise MissingInputsError('\n'.join(['not in place:', *map(str, missing)]) + (some if mixed else ''))


def readable(loader: Iterable[dict], most: int) -> Iterator[dict]:
    """Batches; samples that cannot be read are told and passed over, ``most`` of them, then it ends.

    Raises:
        SampleError: If none can be read.
        DepthFileError: The same.
    """
    batches, read, failed = iter(loader), 0, []
    while len(failed) < most:
        try:
            yield next(batches)
            read += 1
        except StopIteration:
            break
        except (SampleError, DepthFileError) as error:
            print(f'left out: {error}')
            failed.append(error)
    if failed and not read:
        raise failed[-1]


def title(sample: BaseDataElement, names: Sequence[str]) -> str:
    """Dataset and file of a sample and, where it has one, the class of the image."""
    line = f'{sample.get("dataset", "")} {Path(str(sample.get("img_path", ""))).name}'.strip()
    return '\n'.join([line, *(name_of(int(label), names) for label in sample.get('gt_label', ()))])


def name_of(label: int, names: Sequence[str]) -> str:
    """Its name or, where the dataset tells none, its number."""
    return names[label] if label < len(names) else f'class {label}'


@torch.no_grad()
def seen(batch: dict, preprocessor: nn.Module, model: Config) -> dict[str, np.ndarray]:
    """Pictures of the images of one sample, by name, as :func:`samples_picture` takes them."""
    inputs, encoding = batch['inputs'][0], model.backbone.get('depth_encoding')
    rgb = inputs[:3] * preprocessor.std + preprocessor.mean if hasattr(preprocessor, 'std') else inputs[:3]
    found = {'RGB': rgb.clamp(0, 255).byte().permute(1, 2, 0).numpy()}
    if 'gt_depth' in batch:
        found['depth to recover'] = batch['gt_depth'][0, 0].numpy()
    if len(inputs) > 3:
        given = batch['depth_m'][0, 0] if 'depth_m' in batch else inputs[-1]
        found['depth given'] = given.numpy()
    if 'removed_mask' in batch:
        found['removed'] = batch['removed_mask'][0, 0].numpy()
    if encoding is not None and len(inputs) > 3:
        built = MODELS.build(encoding)
        channels = built(built.into_range(inputs[None, 3:], 'rescale')[0])[0]
        for number in np.unique(np.linspace(0, len(channels) - 1, _CHANNELS).astype(int)):
            found[f'encoding {number}'] = channels[number].numpy()
    return found


def labels(sample: BaseDataElement, rgb: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray | Objects]:
    """Pictures of the labels of pixels and of the objects that a sample brings, by name."""
    found, pixels, objects = {}, sample.get('gt_sem_seg'), sample.get('proposals', sample.get('gt_instances'))
    if pixels is not None:
        found['labels'] = pixels.get('data', pixels.get('sem_seg'))[0].numpy()  # mmseg's name, mmdet's
    if objects is not None:
        boxes = [tuple(box.tolist()) for box in objects.bboxes]
        found['objects'] = Objects(rgb, boxes, [name_of(label, names) for label in objects.labels.tolist()])
    return found


def file_datasets(dataset, name: str = '') -> Iterator[tuple[str, RGBDDataset]]:
    """Datasets that read files, with names, also those inside others."""
    inner = getattr(dataset, 'datasets', None) or [each for each in [getattr(dataset, 'dataset', None)] if each]
    names = getattr(dataset, 'names', None) or [f'{name} {i}' if len(inner) > 1 else name for i in range(len(inner))]
    if isinstance(dataset, RGBDDataset):
        yield name.strip() or type(dataset).__name__, dataset
    for each, label in zip(inner, names, strict=True):
        yield from file_datasets(each, label)


def depth_maps(dataset: RGBDDataset, count: int) -> list[np.ndarray]:
    """Depth maps as they are on disk, of samples spread evenly; those that cannot be read are told."""
    maps = []
    for index in np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int)):
        try:
            maps.append(LoadDepth()(LoadImage()(dataset.get_data_info(int(index))))['depth'])
        except MMVDError as error:
            print(f'left out: {error}')
    return maps


if __name__ == '__main__':
    sys.exit(main())
