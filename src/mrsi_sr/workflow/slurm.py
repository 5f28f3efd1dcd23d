"""Check of the site's Slurm at the start of a workflow that submits jobs."""

import subprocess
from collections.abc import Iterable

from mrsi_sr.cli import UserError

SECONDS = 60  # that sinfo may take on a busy controller


def check_partition(jobs: Iterable, seconds: float = SECONDS) -> None:
    """Raise UserError where jobs name no partition and sinfo, which knows the default one, does not answer.

    Snakemake's plugin for Slurm asks sinfo as well, and where that fails it waits for ever without a word.
    jobs: Snakemake's jobs that are to be run. seconds: how long sinfo may take.
    """
    without = sorted({job.rule.name for job in jobs if not job.is_local and not job.resources.get("slurm_partition")})
    reason = _why_no_answer(seconds) if without else ""
    if reason:
        raise UserError(
            f"no partition is set for {', '.join(without)}, and sinfo does not name the default one: {reason}\n"
            "  set default-resources: slurm_partition in profiles/slurm/config.yaml, or make `sinfo` work here"
            " (docs/cluster.md)"
        )


def _why_no_answer(seconds: float) -> str:
    """Why sinfo does not list the partitions; empty where it does."""
    try:
        done = subprocess.run(["sinfo", "-o", "%P"], capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds:g} seconds"
    except OSError as error:
        return error.strerror
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"
