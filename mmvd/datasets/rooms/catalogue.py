"""What a room may hold: classes, furniture made of boxes, and which furniture belongs to which kind of room."""

import torch

CLASSES = (
    'wall', 'floor', 'ceiling', 'bed', 'table', 'chair', 'sofa', 'cabinet', 'shelf', 'desk', 'fridge', 'bathtub',
    'lamp', 'ball', 'bin', 'picture', 'board',
)  # fmt: skip
SCENES = ('bedroom', 'living room', 'office', 'kitchen', 'bathroom')
SURFACES = 6  # of a room: walls at -x, +x, -y, +y, then floor and ceiling
SURFACE_CLASSES = (0, 0, 0, 0, 1, 2)
FURNITURE_CELLS, FURNITURE_PARTS = 9, 5  # a 3 x 3 grid of places, five boxes each
PICTURES, BOARDS, BALLS, BINS = 4, 2, 2, 2

_LEG = 0.07
# Parts as fractions (x0, x1, y0, y1, z0, z1) of the object's size; the back is at y = 1.
_PARTS = {
    'bed': [
        (0, 1, 0, 1, 0.25, 0.55),
        (0.03, 0.97, 0.03, 0.97, 0, 0.25),
        (0, 1, 0.96, 1, 0, 1),
        (0.1, 0.46, 0.72, 0.93, 0.55, 0.68),
        (0.54, 0.9, 0.72, 0.93, 0.55, 0.68),
    ],
    'table': [
        (0, 1, 0, 1, 0.93, 1),
        (0.02, 0.02 + _LEG, 0.02, 0.02 + _LEG, 0, 0.93),
        (0.98 - _LEG, 0.98, 0.02, 0.02 + _LEG, 0, 0.93),
        (0.02, 0.02 + _LEG, 0.98 - _LEG, 0.98, 0, 0.93),
        (0.98 - _LEG, 0.98, 0.98 - _LEG, 0.98, 0, 0.93),
    ],
    'chair': [
        (0, 1, 0, 1, 0.45, 0.52),
        (0, 1, 0.9, 1, 0.52, 1),
        (0, 0.1, 0, 1, 0, 0.45),
        (0.9, 1, 0, 1, 0, 0.45),
        (0.1, 0.9, 0.9, 1, 0.2, 0.3),
    ],
    'sofa': [
        (0, 1, 0, 0.85, 0, 0.45),
        (0, 1, 0.75, 1, 0, 1),
        (0, 0.12, 0, 0.9, 0.45, 0.7),
        (0.88, 1, 0, 0.9, 0.45, 0.7),
        (0.13, 0.87, 0, 0.74, 0.45, 0.55),
    ],
    'cabinet': [
        (0, 1, 0.04, 1, 0, 1),
        (0.02, 0.49, 0, 0.04, 0.04, 0.96),
        (0.51, 0.98, 0, 0.04, 0.04, 0.96),
        (0.44, 0.46, -0.04, 0, 0.4, 0.6),
        (0.54, 0.56, -0.04, 0, 0.4, 0.6),
    ],
    'shelf': [
        (0, 0.06, 0, 1, 0, 1),
        (0.94, 1, 0, 1, 0, 1),
        (0.06, 0.94, 0, 1, 0.0, 0.06),
        (0.06, 0.94, 0, 1, 0.47, 0.52),
        (0.06, 0.94, 0, 1, 0.94, 1),
    ],
    'desk': [
        (0, 1, 0, 1, 0.56, 0.6),
        (0, 0.05, 0, 1, 0, 0.56),
        (0.65, 1, 0, 1, 0, 0.56),
        (0.3, 0.75, 0.62, 0.66, 0.66, 1),
        (0.45, 0.6, 0.58, 0.72, 0.6, 0.66),
    ],
    'fridge': [
        (0, 1, 0.05, 1, 0, 1),
        (0.01, 0.99, 0, 0.05, 0.36, 0.99),
        (0.01, 0.99, 0, 0.05, 0.01, 0.34),
        (0.06, 0.1, -0.05, 0, 0.45, 0.7),
        (0.06, 0.1, -0.05, 0, 0.1, 0.3),
    ],
    'bathtub': [
        (0, 1, 0, 1, 0, 0.25),
        (0, 0.07, 0, 1, 0.25, 1),
        (0.93, 1, 0, 1, 0.25, 1),
        (0.07, 0.93, 0, 0.1, 0.25, 1),
        (0.07, 0.93, 0.9, 1, 0.25, 1),
    ],
}
# Smallest and largest size (x, y, z) in metres.
_SIZES = {
    'bed': ((1.2, 1.9, 0.8), (1.8, 2.1, 1.1)),
    'table': ((0.9, 0.7, 0.65), (1.6, 1.0, 0.8)),
    'chair': ((0.42, 0.42, 0.8), (0.55, 0.55, 1.05)),
    'sofa': ((1.4, 0.8, 0.7), (2.2, 1.0, 0.95)),
    'cabinet': ((0.8, 0.4, 0.8), (1.4, 0.6, 2.0)),
    'shelf': ((0.7, 0.28, 1.0), (1.3, 0.4, 2.0)),
    'desk': ((1.1, 0.6, 1.1), (1.6, 0.8, 1.35)),
    'fridge': ((0.6, 0.6, 1.5), (0.8, 0.7, 1.9)),
    'bathtub': ((1.4, 0.7, 0.5), (1.7, 0.8, 0.6)),
}
_LIKELY = {  # relative frequency in the order of SCENES, and of an empty place
    'bed': (4, 0, 0, 0, 0),
    'table': (1, 2, 1, 3, 0),
    'chair': (1, 2, 3, 3, 1),
    'sofa': (0.5, 4, 0.5, 0, 0),
    'cabinet': (3, 1, 1, 4, 3),
    'shelf': (1, 3, 3, 1, 1),
    'desk': (1, 0.5, 4, 0, 0),
    'fridge': (0, 0, 0, 3, 0),
    'bathtub': (0, 0, 0, 0, 4),
}
_EMPTY = (2, 2, 2, 2, 3)
# Typical surface colours (RGB in 0..1) of each class, two to choose from.
_COLOURS = {
    'wall': ((0.85, 0.82, 0.74), (0.68, 0.76, 0.80)),
    'floor': ((0.48, 0.33, 0.20), (0.45, 0.45, 0.46)),
    'ceiling': ((0.93, 0.93, 0.91), (0.88, 0.88, 0.84)),
    'bed': ((0.75, 0.78, 0.88), (0.80, 0.55, 0.55)),
    'table': ((0.55, 0.36, 0.20), (0.35, 0.22, 0.13)),
    'chair': ((0.18, 0.18, 0.20), (0.60, 0.25, 0.15)),
    'sofa': ((0.30, 0.40, 0.55), (0.50, 0.48, 0.40)),
    'cabinet': ((0.62, 0.46, 0.30), (0.86, 0.84, 0.80)),
    'shelf': ((0.45, 0.30, 0.18), (0.75, 0.70, 0.62)),
    'desk': ((0.66, 0.54, 0.40), (0.25, 0.25, 0.27)),
    'fridge': ((0.82, 0.84, 0.86), (0.70, 0.12, 0.12)),
    'bathtub': ((0.93, 0.93, 0.95), (0.82, 0.90, 0.92)),
    'lamp': ((0.95, 0.85, 0.55), (0.30, 0.30, 0.32)),
    'ball': ((0.85, 0.20, 0.15), (0.15, 0.45, 0.80)),
    'bin': ((0.25, 0.45, 0.30), (0.45, 0.45, 0.48)),
    'picture': ((0.20, 0.45, 0.60), (0.85, 0.65, 0.25)),
    'board': ((0.60, 0.50, 0.35), (0.92, 0.92, 0.88)),
}
FURNITURE = tuple(_PARTS)


def part_boxes() -> torch.Tensor:
    """(F, 5, 6) part bounds as fractions of the object's size."""
    return torch.tensor([_PARTS[name] for name in FURNITURE])


def size_limits() -> torch.Tensor:
    """(F, 2, 3) smallest and largest size in metres."""
    return torch.tensor([_SIZES[name] for name in FURNITURE])


def furniture_classes() -> torch.Tensor:
    """(F,) class index of each kind of furniture."""
    return torch.tensor([CLASSES.index(name) for name in FURNITURE])


def cumulative_frequency() -> torch.Tensor:
    """(S, F + 1) cumulative probability of each kind of furniture per scene; the last entry is an empty place."""
    weights = torch.tensor(
        [[*(_LIKELY[name][scene] for name in FURNITURE), _EMPTY[scene]] for scene in range(len(SCENES))]
    )
    return weights.cumsum(1) / weights.sum(1, keepdim=True)


def colours() -> torch.Tensor:
    """(K, 2, 3) typical colours of each class."""
    return torch.tensor([_COLOURS[name] for name in CLASSES])
