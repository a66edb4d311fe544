#!/usr/bin/env python3
"""A k-NN probe, as DINOv2 offers it, on the frozen features of a classification config.

By option linear probes and a logistic regression beside it.

Training features come from the training set of the config, without what it holds out, seen through the pipeline of its
test set, once and without augmentation.
"""

import argparse
import sys

import torch
from mmengine.runner import set_random_seed

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.devices import find_device
from mmvd.apis.features import Features, extract_features, fit_probes, probe_accuracy
from mmvd.apis.launch import add_common_arguments, load_config
from mmvd.apis.loading import build_filled
from mmvd.apis.preflight import check_channels, check_inputs
from mmvd.arguments import check_int
from mmvd.datasets.nesting import parts_of
from mmvd.datasets.probe_splits import check_classes, class_names, trained_on_holdout
from mmvd.errors import ConfigError, exit_code, needs
from mmvd.evaluation.knn import knn_accuracy
from mmvd.registry import DATASETS, MODELS


def features_of(config, cache: str | None, device: torch.device) -> tuple[Features, Features]:
    """Features of training and evaluation set, on the device; held-out samples count only if they are not trained on.

    Raises:
        ConfigError: If head, classes and test set do not fit, before anything is computed.
    """
    if 'num_classes' not in (config.model.get('head') or {}):
        raise ConfigError(f'{config.filename}: has no head with num_classes: features are fitted to classes of images')
    for loader in ('train_dataloader', 'val_dataloader'):
        if not config.get(loader):
            raise ConfigError(f'{config.filename}: has no {loader}: features are computed on the data of both')
    model = build_filled(config, config.get('load_from')).to(device)
    check_channels(config, model)
    test = dict(config.val_dataloader)
    train = dict(test, dataset=dict(config.train_dataloader.dataset, pipeline=test['dataset']['pipeline']))
    datasets = [DATASETS.build(loader['dataset']) for loader in (train, test)]
    chooses = holdout_chooses(config.model.head.num_classes, *datasets)

    features, evaluated = (
        extract_features(model, config.model, loader, cache, dataset).to(device)
        for loader, dataset in zip((train, test), datasets, strict=True)
    )
    return features, evaluated if chooses else evaluated.part(True)


def holdout_chooses(num_classes: int, train, evaluated) -> bool:
    """Whether the held-out part can choose among heads: it is not trained on.

    Raises:
        ConfigError: If classes differ in number or name, or samples are tested that are trained on or chosen by.
    """
    names = class_names(train.metainfo)
    if not 1 < len(names) == num_classes:
        raise ConfigError(
            f'the training data have {len(names)} classes, and the head of the model num_classes={num_classes}: they '
            'must be equal, and more than one'
        )
    check_classes(names, parts_of(evaluated), 'val_dataloader')
    shared = trained_on_holdout(train, evaluated)
    if shared:
        print(
            f'{len(shared)} held-out samples are in the training set, e.g. {shared[0]}: they choose no head',
            file=sys.stderr,
        )
    return not shared


def regression_class() -> type:
    """scikit-learn's logistic regression.

    Raises:
        ConfigError: If scikit-learn is not installed.
    """
    with needs('logistic regression', 'test'):
        from sklearn.linear_model import LogisticRegression
    return LogisticRegression


def logistic_regression(train: Features, test: Features) -> float:
    """Accuracy in percent of scikit-learn's logistic regression (C = 1) on the features as they are."""
    (x, y), (x_test, y_test) = ((part.features.cpu().numpy(), part.labels.cpu().numpy()) for part in (train, test))
    return 100 * float(regression_class()(max_iter=5000).fit(x, y).score(x_test, y_test))


def grid_accuracy(config, train: Features, evaluated: Features) -> tuple[float | None, float]:
    """Test accuracy of the head chosen on the held-out part, None without one, and of the best.

    The config's grid, trained for its steps.
    """
    loader = config.train_dataloader
    an_epoch = loader.sampler.get('samples_per_epoch') or len(train.labels)
    steps = config.train_cfg.get('max_iters') or config.train_cfg.max_epochs * an_epoch // loader.batch_size
    head = fit_probes(MODELS.build(config.model.head).to(train.features.device), train, steps, loader.batch_size)
    test, holdout = (probe_accuracy(head, evaluated.part(is_test)) for is_test in (True, False))
    return None if holdout.isnan().any() else float(test[holdout.argmax()]), float(test.max())


def main() -> int:
    """Parse the command line, extract, probe; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser, distributed=False, with_work_dir=False)
    parser.add_argument('--knn', nargs='+', type=int, default=[10, 20, 100, 200], help='numbers of neighbours')
    parser.add_argument(
        '--probes',
        action='store_true',
        help="the config's grid of linear probes, trained on the features by SGD with momentum",
    )
    parser.add_argument('--logistic', action='store_true', help='logistic regression as well (scikit-learn)')
    parser.add_argument(
        '--cache', help='folder for features; of other weights, pipelines or data nothing in it is used'
    )
    parser.add_argument('--device', help='cpu or cuda; without it a GPU if there is one')
    args = parser.parse_args()
    return exit_code(lambda: probe(args))


def probe(args: argparse.Namespace) -> None:
    """Extract and print the accuracies."""
    config = load_config(args)
    check_inputs(config, training=True)
    device = find_device(args.device)
    if args.logistic:
        regression_class()
    for k in args.knn:
        check_int('probe_features', '--knn', k)
    set_random_seed(**config.get('randomness', dict(seed=0)))  # of an encoder without weights, and of the heads
    train, evaluated = features_of(config, args.cache, device)
    test = evaluated.part(True)
    print(f'{len(train.labels)} training, {len(test.labels)} test images, {train.features.shape[1]} features')
    ks = sorted({min(k, len(train.labels)) for k in args.knn})
    for k, accuracy in knn_accuracy(train.features, train.labels, test.features, test.labels, ks).items():
        print(f'{k}-NN: {accuracy:.2f} %')
    if args.probes:
        chosen, best = grid_accuracy(config, train, evaluated)
        on_holdout = (
            'no held-out part to choose on' if chosen is None else f'chosen on the held-out part {chosen:.2f} %'
        )
        print(f'probes of the config without augmentation: {on_holdout}, best of them {best:.2f} %')
    if args.logistic:
        print(f'logistic regression: {logistic_regression(train, test):.2f} %')


if __name__ == '__main__':
    sys.exit(main())
