"""What may be set: one typed class for each thing, with the rules between its keys."""
