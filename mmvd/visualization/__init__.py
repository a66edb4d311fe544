"""Pictures for people."""

from .contact_sheet import contact_sheet
from .panels import completion_panel
from .segmentation import overlay, segmentation_panel

__all__ = ['completion_panel', 'contact_sheet', 'overlay', 'segmentation_panel']
