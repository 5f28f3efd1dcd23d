"""What Snakemake says when jobs fail: the last lines of their logs at once, and a summary at the end."""

import logging
import re
from collections.abc import Iterable
from pathlib import Path

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

LAST_LINES = 10
LONGEST_LINE = 200
TAIL_BYTES = 1 << 16  # of a log that may have grown over hours and retries
BY_SLURM = re.compile(r"slurmstepd\S*: error: |\S*bash: line \d+: +\d+ Killed")


class Failures(logging.Handler):
    """Hears of every job that fails. (Snakemake's own show-failed-logs prints whole logs.)"""

    def __init__(self):
        super().__init__()
        self.said: dict[int | str, str] = {}  # by job or group, how the logs of its latest failure end

    def listen(self) -> None:
        """Hear of failures from now on."""
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Show how the logs of a failed job end. A group comes first as a whole, then job by job: once is enough."""
        event = getattr(record, "event", None)
        if event == LogEvent.GROUP_ERROR:
            logs = [log for job in record.job_error_info for log in job["log"]]
            self._hear(record.groupid, "", written_last(logs), record.aux_logs)
        elif event == LogEvent.JOB_ERROR and not record.indent:
            own = [log for log in record.log if not Path(log).is_absolute()]
            state = re.search(r"SLURM status is: '(\w+)'", record.rule_msg or "")
            self._hear(record.jobid, state[1] if state else "", own, [log for log in record.log if log not in own])

    def _hear(self, job: int | str, state: str, own: list[str], of_slurm: list[str]) -> None:
        parts = [f"  Slurm says {state}"] if state else []
        parts += [quoted(log, last_lines(log)) for log in own]
        parts += [quoted(log, last_lines(log, BY_SLURM)) for log in of_slurm]
        self.said[job] = "\n".join(parts)
        logger.error(self.said[job])

    def summarise(self, failed: Iterable) -> None:
        """Say which of Snakemake's jobs failed for good, where their logs are, how these end and what to do."""
        jobs = sorted(failed, key=title)
        if not jobs:  # stopped by hand
            return
        parts = [f"{len(jobs)} failed for good; all that does not need them is done:"]
        parts += [f"{title(job)}\n{self.said.get(key(job)) or ends(job)}" for job in jobs]
        parts.append(
            "Mend the cause and run the same command again: what is done stays, training goes on where it was."
        )
        logger.error("\n" + "\n\n".join(parts) + "\n")


def key(job) -> int | str:
    """What Snakemake's messages call a job or a group of jobs by."""
    return job.groupid if job.is_group() else job.jobid


def title(job) -> str:
    """A job's rule and wildcards; of a group, those of its jobs."""
    if job.is_group():
        return "; ".join(sorted(title(each) for each in job.jobs))
    return " ".join([job.rule.name, *job.wildcards_dict.values()])


def ends(job) -> str:
    """How the logs of a job end of which no message told, as when its output is missing."""
    logs = written_last([log for each in job.jobs for log in each.log]) if job.is_group() else job.log
    return "\n".join(quoted(log, last_lines(log)) for log in logs)


def written_last(logs: list[str]) -> list[str]:
    """The log of a group that was written last: its jobs run one after the other, and the first failure ends them."""
    there = [log for log in logs if Path(log).exists()]
    return [max(there, key=lambda log: Path(log).stat().st_mtime)] if there else logs[:1]


def last_lines(log: str, only: re.Pattern | None = None) -> list[str]:
    """The last lines of a log, or of those that match, each cut to a width; none where there is no such file."""
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
