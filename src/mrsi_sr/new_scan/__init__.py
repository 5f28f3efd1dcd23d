"""Super-resolution of a new scan that has no ground truth: from a scan's files to maps with their uncertainty."""
