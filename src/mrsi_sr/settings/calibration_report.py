"""Settings of the report of an experiment's calibration."""

from mrsi_sr.settings.calibration import Calibration
from mrsi_sr.settings.report import Shown


class CalibrationSettings(Shown, Calibration):
    """Calibration of an experiment, and what its captions say of where the numbers come from."""
