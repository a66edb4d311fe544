"""Names and colours of the classes of the label sets."""

from collections.abc import Sequence

from mmvd.errors import ConfigError

from .rooms import CLASSES as ROOMS

NYU40 = (
    'wall', 'floor', 'cabinet', 'bed', 'chair', 'sofa', 'table', 'door', 'window', 'bookshelf', 'picture', 'counter',
    'blinds', 'desk', 'shelves', 'curtain', 'dresser', 'pillow', 'mirror', 'floor mat', 'clothes', 'ceiling', 'books',
    'refrigerator', 'television', 'paper', 'towel', 'shower curtain', 'box', 'whiteboard', 'person', 'night stand',
    'toilet', 'sink', 'lamp', 'bathtub', 'bag', 'other structure', 'other furniture', 'other prop',
)  # fmt: skip
SUNRGBD37 = NYU40[:37]  # the same classes, without the three that collect the rest
_OF_MMSEG = ('cityscapes', 'ade20k', 'cocostuff')
_OWN = dict(rooms=ROOMS, sunrgbd=SUNRGBD37, nyuv2=NYU40)
LABEL_SETS = (*_OWN, *_OF_MMSEG)


def label_metainfo(name: str | None, classes: Sequence[str] = ()) -> dict:
    """``classes`` and ``palette`` (RGB, 0 to 255) as mmseg's metrics and pictures read them.

    Args:
        name: Name of a label set; None for classes of your own.
        classes: Their names.

    Raises:
        ConfigError: If there is no such label set, or both are given.
    """
    if name is not None and classes:
        raise ConfigError(f'label_set={name!r} has classes of its own: for {len(classes)} others set label_set=None')
    classes = tuple(classes) if name is None else _OWN.get(name)
    if classes:
        return dict(classes=classes, palette=[_distinct_colour(index + 1) for index in range(len(classes))])
    if name not in _OF_MMSEG:
        raise ConfigError(
            f'unknown label set {name!r}: choose one of {", ".join(LABEL_SETS)}, or give the names of your own classes'
        )
    from mmseg.utils import get_classes, get_palette

    return dict(classes=tuple(get_classes(name)), palette=get_palette(name))


def with_metainfo(owner: str, own: dict, given: dict) -> dict:
    """``metainfo`` of a dataset: its own, and what a config adds.

    Raises:
        ConfigError: If the config says otherwise what is the dataset's own.
    """
    twice = sorted(key for key in own.keys() & given.keys() if not _same(own[key], given[key]))
    if twice:
        raise ConfigError(f'{owner}: metainfo says {", ".join(twice)}, otherwise than the arguments of the dataset')
    return {**own, **given}


def _same(a: object, b: object) -> bool:
    both_rows = isinstance(a, (list, tuple)) and isinstance(b, (list, tuple))
    return list(a) == list(b) if both_rows else a == b


def _distinct_colour(index: int) -> list[int]:
    """The colour map of PASCAL VOC: the bits of the index, dealt out to red, green and blue."""
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return channels
