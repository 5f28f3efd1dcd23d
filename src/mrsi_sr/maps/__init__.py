"""What training and sampling are fed: maps, their conditions and the folds."""
