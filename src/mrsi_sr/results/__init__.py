"""Files and records of results: written whole, described by their provenance, owned by one run."""
