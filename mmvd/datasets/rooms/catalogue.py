"""What a room may hold: classes, furniture made of boxes, and which furniture belongs to which kind of room."""
import torch

CLASSES = ('wall', 'floor', 'ceiling', 'bed', 'table', 'chair', 'sofa', 'cabinet', 'shelf', 'desk', 'fridge', 'bathtub', 'lamp', 'ball',
           'bin', 'picture', 'board')
SCENES = ('bedroom', 'living room', 'office', 'kitchen', 'bathroom')
SURFACES = 6  # of a room: walls at -x, +x, -y, +y, then floor and ceiling
SURFACE_CLASSES = (0, 0, 0, 0, 1, 2)
FURNITURE_CELLS, FURNITURE_PARTS = 9, 5  # a 3 x 3 grid of places, five boxes each
PICTURES, BOARDS, BALLS, BINS = 4, 2, 2, 2

_LEG = 0.07
# Parts as fractions (x0, x1, y0, y1, z0, z1) of the object's size; the back is at y = 1.
_PARTS = {
    'bed': [(0, 1, 0, 1, .25, .55), (.03, .97, .03, .97, 0, .25), (0, 1, .96, 1, 0, 1), (.1, .46, .72, .93, .55, .68),
            (.54, .9, .72, .93, .55, .68)],
    'table': [(0, 1, 0, 1, .93, 1), (.02, .02 + _LEG, .02, .02 + _LEG, 0, .93), (.98 - _LEG, .98, .02, .02 + _LEG, 0, .93),
              (.02, .02 + _LEG, .98 - _LEG, .98, 0, .93), (.98 - _LEG, .98, .98 - _LEG, .98, 0, .93)],
    'chair': [(0, 1, 0, 1, .45, .52), (0, 1, .9, 1, .52, 1), (0, .1, 0, 1, 0, .45), (.9, 1, 0, 1, 0, .45), (.1, .9, .9, 1, .2, .3)],
    'sofa': [(0, 1, 0, .85, 0, .45), (0, 1, .75, 1, 0, 1), (0, .12, 0, .9, .45, .7), (.88, 1, 0, .9, .45, .7), (.13, .87, 0, .74, .45, .55)],
    'cabinet': [(0, 1, .04, 1, 0, 1), (.02, .49, 0, .04, .04, .96), (.51, .98, 0, .04, .04, .96), (.44, .46, -.04, 0, .4, .6),
                (.54, .56, -.04, 0, .4, .6)],
    'shelf': [(0, .06, 0, 1, 0, 1), (.94, 1, 0, 1, 0, 1), (.06, .94, 0, 1, .0, .06), (.06, .94, 0, 1, .47, .52), (.06, .94, 0, 1, .94, 1)],
    'desk': [(0, 1, 0, 1, .56, .6), (0, .05, 0, 1, 0, .56), (.65, 1, 0, 1, 0, .56), (.3, .75, .62, .66, .66, 1), (.45, .6, .58, .72, .6, .66)],
    'fridge': [(0, 1, .05, 1, 0, 1), (.01, .99, 0, .05, .36, .99), (.01, .99, 0, .05, .01, .34), (.06, .1, -.05, 0, .45, .7),
               (.06, .1, -.05, 0, .1, .3)],
    'bathtub': [(0, 1, 0, 1, 0, .25), (0, .07, 0, 1, .25, 1), (.93, 1, 0, 1, .25, 1), (.07, .93, 0, .1, .25, 1), (.07, .93, .9, 1, .25, 1)],
}
# Smallest and largest size (x, y, z) in metres.
_SIZES = {
    'bed': ((1.2, 1.9, .8), (1.8, 2.1, 1.1)), 'table': ((.9, .7, .65), (1.6, 1.0, .8)), 'chair': ((.42, .42, .8), (.55, .55, 1.05)),
    'sofa': ((1.4, .8, .7), (2.2, 1.0, .95)), 'cabinet': ((.8, .4, .8), (1.4, .6, 2.0)), 'shelf': ((.7, .28, 1.0), (1.3, .4, 2.0)),
    'desk': ((1.1, .6, 1.1), (1.6, .8, 1.35)), 'fridge': ((.6, .6, 1.5), (.8, .7, 1.9)), 'bathtub': ((1.4, .7, .5), (1.7, .8, .6)),
}
_LIKELY = {  # relative frequency in the order of SCENES, and of an empty place
    'bed': (4, 0, 0, 0, 0), 'table': (1, 2, 1, 3, 0), 'chair': (1, 2, 3, 3, 1), 'sofa': (.5, 4, .5, 0, 0), 'cabinet': (3, 1, 1, 4, 3),
    'shelf': (1, 3, 3, 1, 1), 'desk': (1, .5, 4, 0, 0), 'fridge': (0, 0, 0, 3, 0), 'bathtub': (0, 0, 0, 0, 4),
}
_EMPTY = (2, 2, 2, 2, 3)
# Typical surface colours (RGB in 0..1) of each class, two to choose from.
_COLOURS = {
    'wall': ((.85, .82, .74), (.68, .76, .80)), 'floor': ((.48, .33, .20), (.45, .45, .46)), 'ceiling': ((.93, .93, .91), (.88, .88, .84)),
    'bed': ((.75, .78, .88), (.80, .55, .55)), 'table': ((.55, .36, .20), (.35, .22, .13)), 'chair': ((.18, .18, .20), (.60, .25, .15)),
    'sofa': ((.30, .40, .55), (.50, .48, .40)), 'cabinet': ((.62, .46, .30), (.86, .84, .80)), 'shelf': ((.45, .30, .18), (.75, .70, .62)),
    'desk': ((.66, .54, .40), (.25, .25, .27)), 'fridge': ((.82, .84, .86), (.70, .12, .12)), 'bathtub': ((.93, .93, .95), (.82, .90, .92)),
    'lamp': ((.95, .85, .55), (.30, .30, .32)), 'ball': ((.85, .20, .15), (.15, .45, .80)), 'bin': ((.25, .45, .30), (.45, .45, .48)),
    'picture': ((.20, .45, .60), (.85, .65, .25)), 'board': ((.60, .50, .35), (.92, .92, .88)),
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
    weights = torch.tensor([[*(_LIKELY[name][scene] for name in FURNITURE), _EMPTY[scene]] for scene in range(len(SCENES))])
    return weights.cumsum(1) / weights.sum(1, keepdim=True)


def colours() -> torch.Tensor:
    """(K, 2, 3) typical colours of each class."""
    return torch.tensor([_COLOURS[name] for name in CLASSES])
