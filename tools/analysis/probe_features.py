#!/usr/bin/env python3
"""A k-NN probe, as DINOv2 offers it, on the frozen features of a classification config; by option linear probes and a logistic regression beside it.

Training features come from the training set of the config, without what it holds out, seen through the pipeline of its test set, once and
without augmentation.
"""
import argparse
import sys

import torch

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.features import Features, extract_features, fit_probes, probe_accuracy
from mmvd.apis.launch import add_common_arguments, load_config
from mmvd.apis.model import build_filled
from mmvd.apis.preflight import check_inputs
from mmvd.errors import exit_code
from mmvd.evaluation.knn import knn_accuracy
from mmvd.registry import MODELS


def features_of(config, cache: str | None, device: str) -> tuple[Features, Features]:
    """Features of the training and of the test set."""
    model = build_filled(config, config.get('load_from')).to(device)
    test = dict(config.val_dataloader)
    pipeline = test['dataset']['pipeline']
    train = dict(test, dataset=dict(config.train_dataloader.dataset, pipeline=pipeline))

    def progress(done: int, total: int) -> None:
        print(f'\r{done}/{total} batches', end='' if done < total else '\n', file=sys.stderr, flush=True)

    return tuple(extract_features(model, config.model, part, cache, progress) for part in (train, test))


def logistic_regression(train: Features, test: Features) -> float:
    """Accuracy in percent of scikit-learn's logistic regression (C = 1) on the features as they are."""
    from sklearn.linear_model import LogisticRegression
    model = LogisticRegression(max_iter=5000).fit(train.features.numpy(), train.labels.numpy())
    return 100 * float(model.score(test.features.numpy(), test.labels.numpy()))


def grid_accuracy(config, train: Features, evaluated: Features) -> tuple[float, float]:
    """Test accuracy of the head chosen on the held-out part, and of the best one, of the config's grid trained for its steps on the features."""
    loader = config.train_dataloader
    steps = config.train_cfg.max_epochs * loader.sampler.samples_per_epoch // loader.batch_size
    head = fit_probes(MODELS.build(config.model.head), train, steps, loader.batch_size)
    test, holdout = (probe_accuracy(head, evaluated.part(is_test)) for is_test in (True, False))
    return float(test[holdout.argmax()]), float(test.max())


def main() -> int:
    """Parse the command line, extract, probe; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser, distributed=False)
    parser.add_argument('--knn', nargs='+', type=int, default=[10, 20, 100, 200], help='numbers of neighbours')
    parser.add_argument('--probes', action='store_true', help="the config's grid of linear probes, trained on the features")
    parser.add_argument('--logistic', action='store_true', help='logistic regression as well (scikit-learn)')
    parser.add_argument('--cache', help='folder for features; of other weights, pipelines or data nothing in it is used')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args()
    return exit_code(lambda: probe(args))


def probe(args: argparse.Namespace) -> None:
    """Extract and print the accuracies."""
    config = load_config(args)
    check_inputs(config, training=True)
    train, evaluated = features_of(config, args.cache, args.device)
    test = evaluated.part(True)
    print(f'{len(train.labels)} training, {len(test.labels)} test images, {train.features.shape[1]} features')
    for k, accuracy in knn_accuracy(train.features, train.labels, test.features, test.labels, args.knn).items():
        print(f'{min(k, len(train.labels))}-NN: {accuracy:.2f} %')
    if args.probes:
        print('probes of the config without augmentation: chosen on the held-out part {:.2f} %, best of them {:.2f} %'.format(
            *grid_accuracy(config, train, evaluated)))
    if args.logistic:
        print(f'logistic regression: {logistic_regression(train, test):.2f} %')


if __name__ == '__main__':
    sys.exit(main())
