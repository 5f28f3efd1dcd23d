"""LCModel output: text tables, file names, folders and archives, and the spellings of metabolite names."""
