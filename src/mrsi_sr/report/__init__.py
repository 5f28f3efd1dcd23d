"""Report of an experiment: tables, statistical tests and figures."""
