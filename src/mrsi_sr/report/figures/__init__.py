"""Figures of the report, one per module."""
