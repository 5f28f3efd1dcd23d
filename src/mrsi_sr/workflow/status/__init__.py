"""How far the workflow is, and why results are stale."""
