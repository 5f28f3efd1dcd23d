import sys

from mrsi_sr.workflow.status.dry_run import Invocation, places_of


# Without inputs and outputs, so that it can run while another Snakemake works in the same folder. status.py starts a
# dry run of its own, in this environment, and prints its table on the terminal. Never submitted to the cluster.
rule status:
    handover: True
    resources:
        mem_mb=1000,
    params:
        python=sys.executable,
        flags=lambda wildcards: Invocation.of(workflow).flags(),
    shell:
        "{params.python:q} workflow/scripts/status.py {params.flags}"


# What the workflow will take, before it starts; as the rule above.
rule estimate:
    handover: True
    resources:
        mem_mb=2000,
    params:
        python=sys.executable,
        flags=lambda wildcards: Invocation.of(workflow).flags(),
        places=lambda wildcards: places_of(workflow),
    shell:
        "{params.python:q} workflow/scripts/estimate.py {params.flags} {params.places}"
