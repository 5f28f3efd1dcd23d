"""Super-resolution of metabolic maps of the brain, from LCModel output to tables and figures."""

from importlib.metadata import version

__version__ = version("mrsi-sr")
