"""Super-resolution by one method: of the test participants of a fold."""
