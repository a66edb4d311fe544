"""Losses."""

from .balanced_si_loss import BalancedSILoss

__all__ = ['BalancedSILoss']
