"""Calibration of ensembles: what repeated samples of a map promise, and what of it holds for new participants."""
