"""Messages about failed jobs: the last lines of their logs at once, and a summary at the end."""

import logging
import re
from collections.abc import Iterable
from pathlib import Path

from snakemake.jobs import GroupJob
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

LAST_LINES = 10
LONGEST_LINE = 200
TAIL_BYTES = 1 << 16  # of a log that may have grown over hours and retries
REFUSED = re.compile(r"sbatch failed|submission failed", re.IGNORECASE)
SBATCH_SAID = re.compile(r"The error message was '?(.*?)'?\.?\n {4}sbatch (?:call|script):", re.DOTALL)
BY_SLURM = re.compile(r"slurmstepd\S*: error: |\S*bash: line \d+: +\d+ Killed")


class Failures(logging.Handler):
    """Log handler that reports every failed job. (Snakemake's own show-failed-logs prints whole logs.)"""

    def __init__(self):
        super().__init__()
        self.reported: dict[frozenset[int], str] = {}  # ends of the logs of the latest failure, by the jobs of a group
        self.reasons: dict[frozenset[int], str] = {}  # of a group's failure, in the executor's words

    def listen(self) -> None:
        """Start to report failures."""
        logger.addHandler(self)
        # Snakemake leaves the executor's words out of what it logs of a group: they are noted on the way.
        log_error = GroupJob.log_error

        def noted(group, msg=None, **facts) -> None:
            self.reasons[key(group)] = msg or ""
            log_error(group, msg, **facts)

        GroupJob.log_error = noted

    def emit(self, record: logging.LogRecord) -> None:
        """Print the ends of a failed job's logs. A group is reported as a whole, its jobs are not reported again."""
        event = getattr(record, "event", None)
        if event == LogEvent.GROUP_ERROR:
            jobs = frozenset(job["jobid"] for job in record.job_error_info)
            logs = [log for job in record.job_error_info for log in job["log"]]
            self._report(jobs, self.reasons.get(jobs, ""), written_last(logs), record.aux_logs)
        elif event == LogEvent.JOB_ERROR and not record.indent:
            own = [log for log in record.log if not Path(log).is_absolute()]
            of_slurm = [log for log in record.log if log not in own]
            self._report(frozenset([record.jobid]), record.rule_msg or "", own, of_slurm)

    def _report(self, jobs: frozenset[int], reason: str, own: list[str], of_slurm: list[str]) -> None:
        """Print why jobs failed. reason: in the executor's words. own: logs of the rules. of_slurm: Slurm's logs."""
        if REFUSED.search(reason):  # what the logs hold is of an earlier attempt
            parts = ["  sbatch refused the job:", *(f"  | {line}" for line in by_sbatch(reason))]
        else:
            state = re.search(r"SLURM status is: '(\w+)'", reason)
            parts = [f"  Slurm says {state[1]}"] if state else []
            parts += [quoted(log, last_lines(log)) for log in own]
            parts += [quoted(log, last_lines(log, BY_SLURM)) for log in of_slurm]
        self.reported[jobs] = "\n".join(parts)
        logger.error(self.reported[jobs])

    def summarise(self, failed: Iterable) -> None:
        """Print which jobs failed for good, where their logs are, how these end and what to do."""
        jobs = sorted(failed, key=title)
        if not jobs:  # stopped by hand
            return
        parts = [f"{len(jobs)} failed for good; all that does not need them is done:"]
        parts += [f"{title(job)}\n{self.reported.get(key(job)) or ends(job)}" for job in jobs]
        parts.append("Mend the cause and run the same command again: finished results are kept, training resumes.")
        logger.error("\n" + "\n\n".join(parts) + "\n")


def key(job) -> frozenset[int]:
    """Identifiers of a job, or of all jobs of a group. (A group's own name is the same for every participant.)"""
    return frozenset(each.jobid for each in job.jobs) if job.is_group() else frozenset([job.jobid])


def title(job) -> str:
    """Rule and wildcards of a job, or of all jobs of a group."""
    if job.is_group():
        return "; ".join(sorted(title(each) for each in job.jobs))
    return " ".join([job.rule.name, *job.wildcards_dict.values()])


def ends(job) -> str:
    """Ends of the logs of a job that was not reported, as when its output is missing."""
    logs = written_last([log for each in job.jobs for log in each.log]) if job.is_group() else job.log
    return "\n".join(quoted(log, last_lines(log)) for log in logs)


def written_last(logs: list[str]) -> list[str]:
    """Log of a group that was written last: its jobs run one after the other, and the first failure ends them.

    Empty logs do not count: Snakemake makes one for each job of the group that was not reached.
    """
    there = [log for log in logs if Path(log).exists() and Path(log).stat().st_size]
    return [max(there, key=lambda log: Path(log).stat().st_mtime)] if there else logs[:1]


def by_sbatch(reason: str) -> list[str]:
    """What sbatch said, of a message by Snakemake's plugin that quotes the whole call as well."""
    said = SBATCH_SAID.search(reason)
    return [line[:LONGEST_LINE] for line in (said[1] if said else reason).splitlines() if line.strip()][:LAST_LINES]


def last_lines(log: str, only: re.Pattern | None = None) -> list[str]:
    """Last lines of a log, or of its lines that match, each cut to a width; none where there is no such file."""
    try:
        with Path(log).open("rb") as file:
            file.seek(max(0, Path(log).stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    lines = [line for line in lines if line.strip() and (not only or only.match(line))]
    return [line[:LONGEST_LINE] for line in lines[-LAST_LINES:]]


def quoted(log: str, lines: list[str]) -> str:
    """A log's name and its lines, indented."""
    return "\n".join([f"  {log}", *(f"  | {line}" for line in lines)])
