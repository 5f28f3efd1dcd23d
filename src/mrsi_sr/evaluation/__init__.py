"""Metrics of super-resolved maps against the ground truth."""
