"""Pictures for people."""
from .contact_sheet import contact_sheet
from .panels import completion_panel, save_png

__all__ = ['completion_panel', 'contact_sheet', 'save_png']
