"""Phantom: a simulated participant with anatomy, glioma, metabolites and a 7 T MRSI scan, written as LCModel output."""
