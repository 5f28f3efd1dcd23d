"""The configuration and the plan of the workflow: for the Snakefile, status.py and describe_networks.py alone."""
