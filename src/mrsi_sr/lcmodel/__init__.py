"""LCModel's output: its text tables, file names, folders and archives, and the metabolites' many spellings."""
