#!/usr/bin/env python3
"""A k-NN probe, as DINOv2 offers it, on the frozen features of a classification config; by option a logistic regression beside it.

Training features come from the training set of the config, without what it holds out, seen through the pipeline of its test set, once and
without augmentation.
"""
import argparse
import sys

import torch

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.features import Features, extract_features
from mmvd.apis.launch import add_common_arguments, load_config
from mmvd.apis.model import build_filled
from mmvd.apis.preflight import check_inputs
from mmvd.errors import exit_code
from mmvd.evaluation.knn import knn_accuracy


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
    """Accuracy in percent of scikit-learn's logistic regression (C = 1) on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    model.fit(train.features.numpy(), train.labels.numpy())
    return 100 * float(model.score(test.features.numpy(), test.labels.numpy()))


def main() -> int:
    """Parse the command line, extract, probe; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser, distributed=False)
    parser.add_argument('--knn', nargs='+', type=int, default=[10, 20, 100, 200], help='numbers of neighbours')
    parser.add_argument('--logistic', action='store_true', help='logistic regression as well (scikit-learn)')
    parser.add_argument('--cache', help='folder for features; of other weights, pipelines or data nothing in it is used')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args()
    return exit_code(lambda: probe(args))


def probe(args: argparse.Namespace) -> None:
    """Extract and print the accuracies."""
    config = load_config(args)
    check_inputs(config, training=True)
    train, test = features_of(config, args.cache, args.device)
    test = test.part(True)
    print(f'{len(train.labels)} training, {len(test.labels)} test images, {train.features.shape[1]} features')
    for k, accuracy in knn_accuracy(train.features, train.labels, test.features, test.labels, args.knn).items():
        print(f'{min(k, len(train.labels))}-NN: {accuracy:.2f} %')
    if args.logistic:
        print(f'logistic regression: {logistic_regression(train, test):.2f} %')


if __name__ == '__main__':
    sys.exit(main())
