"""One participant: volumes of a scan, its quality mask and its slices."""
