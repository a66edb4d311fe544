"""Backbones."""

from .vd_vit import VDViT

__all__ = ['VDViT']
