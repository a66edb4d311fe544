"""What must hold between the training set, the held-out part and the test set of linear probes."""

from collections.abc import Mapping, Sequence

from mmengine.structures import BaseDataElement

from mmvd.errors import ConfigError

from .nesting import parts_of

HOLDOUT, TEST = 'holdout', 'test'  # what samples that are evaluated are for


def is_test(sample: Mapping | BaseDataElement) -> bool:
    """Whether a sample belongs to the test set, rather than to a held-out part of the training set.

    Raises:
        ConfigError: If it does not say.
    """
    split = sample.get('split')
    if split not in (HOLDOUT, TEST):
        raise ConfigError(
            f'a sample for linear probes says split={split!r} where {HOLDOUT!r} or {TEST!r} is needed: take '
            'mmvd.RGBDClassDataset, and '
            "keep 'split' in the meta_keys of mmpretrain.PackInputs"
        )
    return split == TEST


def class_names(metainfo: dict) -> tuple[str, ...]:
    """Names of the classes of images; rooms have classes of pixels as well."""
    return tuple(metainfo.get('scenes') or metainfo.get('classes') or ())


def check_classes(names: Sequence[str], parts: Sequence, label: str, whose: str = 'the training data') -> None:
    """Refuse datasets whose classes are others, or in another order.

    Args:
        names: Those that are expected.
        parts: Datasets.
        label: Name of the dataloader, for messages.
        whose: Where the names are from, for messages.

    Raises:
        ConfigError: If they differ.
    """
    for part in parts:
        own = class_names(part.metainfo)
        if own != tuple(names):
            number = next(
                (n for n, pair in enumerate(zip(own, names, strict=False)) if pair[0] != pair[1]),
                min(len(own), len(names)),
            )
            here, there = (repr(found[number]) if number < len(found) else 'none' for found in (own, names))
            raise ConfigError(
                f'{label}: {type(part).__name__}({getattr(part, "data_root", "")}) has {len(own)} classes and {whose} '
                f'{len(names)}; class {number} is {here} here and {there} there: give both the same names in the same '
                'order'
            )


def trained_on_holdout(train, evaluated) -> list[str]:
    """Held-out samples that are trained on.

    Args:
        train: Training set.
        evaluated: Evaluation set, whose parts have the attribute ``split``.

    Returns:
        Names of their images, sorted.

    Raises:
        ConfigError: If the test set has samples of the training set or of the held-out part.
    """
    parts = parts_of(evaluated)
    trained, held_out, tested = (
        _images(found)
        for found in (
            parts_of(train),
            *([part for part in parts if getattr(part, 'split', TEST) == split] for split in (HOLDOUT, TEST)),
        )
    )
    for label, others in (('trained on', trained), ('in the held-out part', held_out)):
        if tested & others:
            raise ConfigError(
                f'val_dataloader: {len(tested & others)} test samples are {label}, e.g. {min(tested & others)}: what '
                'is tested must be neither trained on nor chosen by'
            )
    return sorted(trained & held_out)


def _images(parts: Sequence) -> set[str]:
    """What names the images of datasets: paths, or what stands for them in rendered data."""
    return {_name(part, index) for part in parts for index in range(len(part))}


def _name(dataset, index: int) -> str:
    if hasattr(dataset, 'name_of'):
        return dataset.name_of(index)
    try:
        return dataset.get_data_info(index)['img_path']
    except (AttributeError, KeyError) as error:
        raise ConfigError(
            f'{type(dataset).__name__}: its samples have no img_path, so it cannot be told whether what is tested is '
            'trained on: take mmvd.RGBDClassDataset'
        ) from error
