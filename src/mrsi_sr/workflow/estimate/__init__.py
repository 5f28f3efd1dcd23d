"""Estimate of what the workflow's jobs will take, before they start: from earlier timings, else from arithmetic."""
