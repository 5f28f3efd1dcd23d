"""Reader studies: a blinded page of image pairs for radiologists, and the analysis of what they gave them."""
