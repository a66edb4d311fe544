#!/usr/bin/env python3
"""Mean and std of the depth that a training sees, for ``mmvd.NormalizeDepth`` and ``mmvd.DisparityEncoding``.

As the authors did (facts 4): the whole training pipeline runs, random depth and removal included, and mean and std of
what is measured in each sample are averaged over samples.
"""

import argparse
import sys

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import Tensor
from tqdm import tqdm

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.configs import building
from mmvd.apis.launch import add_common_arguments, load_config
from mmvd.apis.preflight import check_inputs
from mmvd.arguments import check_int
from mmvd.errors import ConfigError, exit_code
from mmvd.registry import MODELS


def sample_statistics(channel: Tensor) -> Tensor:
    """(B, H, W), 0 = missing, to (n, 2): mean and std of what is measured, of the samples that have any."""
    measured = channel > 0
    count = measured.flatten(1).sum(1)
    values = channel.double()
    mean = values.flatten(1).sum(1) / count
    centred = torch.where(measured, values - mean[:, None, None], 0.0)
    std = ((centred**2).flatten(1).sum(1) / count).sqrt()
    return torch.stack((mean, std), 1)[count > 0]


def measure(config: Config, samples: int) -> dict[str, tuple[float, float, int]]:
    """Mean, std and number of samples with depth, by quantity: metres and, where it is encoded, disparity."""
    check_inputs(config, training=True)
    with building('training data and data preprocessor'):
        seed = config.get('randomness', {}).get('seed', 0)
        loader = Runner.build_dataloader(dict(config.train_dataloader, drop_last=False), seed=seed)
        preprocessor, seen = MODELS.build(config.model.data_preprocessor), 0
    encoding, found = preprocessor.encoding, dict()
    bar = tqdm(desc='depth', total=samples, unit=' samples')
    for data in loader:
        if 'range_factor' in data['data_samples'][0]:
            raise ConfigError('depth is encoded in the pipeline already: leave the encoding out to see its statistics')
        batch = preprocessor(data, True)
        last = 'disparity [px]' if encoding is not None and encoding.reads == 'disparity' else 'depth [m]'
        quantities = {last: batch['inputs'][:, -1:]}
        if 'depth_m' in batch:
            quantities['depth [m]'] = batch['depth_m']
        for name, channel in quantities.items():
            found.setdefault(name, []).append(sample_statistics(channel[:, 0]))
        seen += len(batch['inputs'])
        bar.update(min(seen, samples) - bar.n)
        if seen >= samples:
            break
    bar.close()
    columns = {name: torch.cat(parts)[:samples] for name, parts in found.items()}
    return {name: (*column.mean(0).tolist(), len(column)) for name, column in columns.items()}


def main() -> int:
    """Parse the command line, measure, print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser, distributed=False, with_work_dir=False)
    parser.add_argument('--samples', type=int, default=2048, help='samples to look at, one epoch at most')
    args = parser.parse_args()
    return exit_code(lambda: report(args))


def report(args: argparse.Namespace) -> None:
    """Measure and print."""
    config = load_config(args)
    config.model.backbone.init_cfg = dict(type='Random')  # the encoder has no part in it
    for name, (mean, std, count) in measure(config, check_int('--samples', 'samples', args.samples)).items():
        print(f'{name}: mean {mean:.5g}, std {std:.5g}, over {count} samples with depth')


if __name__ == '__main__':
    sys.exit(main())
