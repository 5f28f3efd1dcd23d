"""One participant's scan: volumes, quality mask and slices."""
