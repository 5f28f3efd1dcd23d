import sys

from mrsi_sr.workflow.status.dry_run import Invocation


# Without inputs and outputs, so that Snakemake runs it while another one works in the same folder. It hands over to the
# Snakemake that status.py asks, in the environment of this one, and says all it has to say on the terminal. Never submitted.
rule status:
    handover: True
    resources:
        mem_mb=1000,
    params:
        python=sys.executable,
        flags=lambda wildcards: Invocation.of(workflow).flags(),
    shell:
        "{params.python:q} workflow/scripts/status.py {params.flags}"
