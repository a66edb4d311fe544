"""Pictures for people."""
from .panels import completion_panel, save_png

__all__ = ['completion_panel', 'save_png']
