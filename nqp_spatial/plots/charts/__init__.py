"""Figures that are no maps."""
