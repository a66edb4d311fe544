"""Built-in RGB-D rooms: ray-cast scenes with exact depth and labels, computed from (seed, index) alone."""

from .catalogue import CLASSES, SCENES
from .render import Rooms, render_rooms

__all__ = ['CLASSES', 'SCENES', 'Rooms', 'render_rooms']
