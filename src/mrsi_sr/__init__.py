"""Super-resolution of metabolic maps of the brain, from LCModel output to tables and figures."""

__version__ = "0.1.0"
