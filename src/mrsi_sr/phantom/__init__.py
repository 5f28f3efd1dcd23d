"""A simulated participant: anatomy, glioma, metabolites and a 7 T MRSI scan, written as LCModel and scanners do."""
