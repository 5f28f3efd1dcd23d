"""Progress of the experiments: a table of method x fold, causes of stale results, and the time that is still needed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mrsi_sr.results.outputs import record_of
from mrsi_sr.results.ownership import Owner
from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.runs import fold_of, runs_of, text_of

STAGES = ("train", "sample", "evaluate")  # rules of a method's scores, in order
NAMED_BY = ("network", "method", "table", "figure", "participant")  # wildcard that gives a job its name
SECONDS_ALIVE = 300  # without a sign of life from a run: it counts as interrupted
NAMES_SHOWN = 4  # jobs of one rule that are named; more are counted


@dataclass(frozen=True)
class Job:
    """One job of the workflow. `above`: positions of the jobs that it waits for."""

    rule: str
    wildcards: dict[str, str]
    needed: bool  # whether Snakemake would run it
    missing: bool  # whether an output does not exist
    above: frozenset[int] = frozenset()
    causes: tuple[str, ...] = ()  # reasons to run it, apart from the jobs above it
    outputs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return next((self.wildcards[key] for key in NAMED_BY if key in self.wildcards), "")

    @property
    def record(self) -> Path | None:
        """Provenance of its result."""
        return record_of(self.outputs) if self.outputs else None


@dataclass(frozen=True)
class DryRun:
    """Every job of the workflow, each after those that it waits for, and whether Snakemake would run it.

    absent: files of scans that do not exist, in words. chosen: participants of each experiment, each with the fold that
    tests it where the table says one.
    """

    configuration: Configuration
    jobs: list[Job]
    absent: list[str] = field(default_factory=list)
    chosen: dict[str, dict[str, str]] = field(default_factory=dict)


class Status:
    """Progress of a workflow.

    owners, seconds: by a job's position in the dry run, the run that owns its folder and its duration so far.
    """

    def __init__(
        self, dry_run: DryRun, owners: dict[int, Owner] | None = None, seconds: dict[int, float] | None = None
    ):
        self.configuration, self.jobs, self.absent = dry_run.configuration, dry_run.jobs, dry_run.absent
        self.owners, self.seconds = owners or {}, seconds or {}
        self.unreadable: list[str] = []
        self.chains: list[frozenset[int]] = []  # of each job: itself and all that it waits for
        for position, job in enumerate(self.jobs):
            self.chains.append(frozenset([position]).union(*(self.chains[other] for other in job.above)))

    @classmethod
    def read(cls, dry_run: DryRun) -> "Status":
        """Progress with owners and earlier durations read from the results' folders."""
        status = cls(dry_run)
        for position, job in enumerate(dry_run.jobs):
            if job.rule not in STAGES or job.record is None:
                continue
            if job.rule != "evaluate" and (owner := Owner.of(job.record.parent)):
                status.owners[position] = owner
            try:
                seconds = seconds_of(job.record, status.network_of(job))
            except (OSError, ValueError) as error:
                status.unreadable.append(f"{job.record}: {error}")
            else:
                if seconds is not None:
                    status.seconds[position] = seconds
        return status

    def network_of(self, job: Job) -> NetworkSettings | None:
        """Today's settings of the network that a job trains; None of other jobs."""
        return self.configuration.network(job.name, fold_of(job.wildcards["fold"])) if job.rule == "train" else None

    def report(self) -> str:
        """The whole report as text."""
        parts = [self.table(experiment) for experiment in self.configuration.studied]
        sections = (
            ("Running", self._runs(live=True)),
            ("Interrupted, and resumed where settings, data and code are the same", self._runs(live=False)),
            ("Stale because of", self.causes()),
            ("To do, from earlier timings", self.costs()),
            ("Provenance that cannot be read", self.unreadable),
            ("Missing scan files (existing results are kept)", self.absent),
        )
        parts += ["\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in sections if lines]
        if not self.absent and not any(job.needed for job in self.jobs):
            parts.append("Everything is up to date.")
        return "\n\n".join(parts) + "\n"

    def table(self, experiment: str) -> str:
        """Table of an experiment: a row for each method, or network where nobody is tested, a column for each fold."""
        settings = self.configuration.experiments[experiment]
        runs, tested = [text_of(run, settings) for run in runs_of(settings)], settings.folds.test
        rule, kind = ("evaluate", "method") if tested else ("train", "network")
        last = {
            (job.wildcards[kind], job.wildcards["fold"]): position
            for position, job in enumerate(self.jobs)
            if job.rule == rule and job.wildcards["experiment"] == experiment
        }
        rows = [[experiment, *(f"fold {run.replace('-seed-', ', seed ')}" for run in runs)]]
        for name in settings.methods if tested else self.configuration.networks_of(experiment):
            cells = (last.get((name, run)) for run in runs)
            rows.append([name, *("not planned" if cell is None else self.cell(cell) for cell in cells)])
        return "\n".join(aligned(rows))

    def cell(self, position: int) -> str:
        """State of a method or network on one fold: fresh, running, or the first stage that it still needs."""
        chain = sorted(self.chains[position])
        for each in chain:
            if each in self.owners and is_alive(self.owners[each]):
                return f"running {_done(self.owners[each])}".rstrip()
        if not self.jobs[position].needed:
            return "fresh"
        for each in chain:
            if each in self.owners and self.jobs[each].needed:
                return f"interrupted {_done(self.owners[each])}".rstrip()
        rules = {self.jobs[each].rule for each in chain if self.jobs[each].needed}
        stage = next(rule for rule in STAGES if rule in rules)
        return f"{'missing' if self.jobs[position].missing else 'stale'} ({stage})"

    def causes(self) -> list[str]:
        """One line for each cause, with the jobs that it concerns first; jobs that only follow from these are left out.

        Changed modules that concern the same jobs share a line.
        """
        concerned: dict[str, list[Job]] = {}
        for position, job in enumerate(self.jobs):
            for cause in job.causes:
                if not any(cause in self.jobs[each].causes for each in self.chains[position] - {position}):
                    concerned.setdefault(cause, []).append(job)
        lines, modules = [], {}
        for cause, jobs in concerned.items():
            where = self.called(jobs)
            if cause.endswith(".py changed"):
                modules.setdefault(where, []).append(cause.removesuffix(" changed"))
            else:
                lines.append(f"{cause}  ({where})")
        return lines + [f"{', '.join(paths)} changed  ({where})" for where, paths in modules.items()]

    def costs(self) -> list[str]:
        """Number of jobs of each rule that are to be run, and their expected time one after the other."""
        to_do: dict[str, list[int]] = {}
        for position, job in enumerate(self.jobs):
            if job.needed:
                to_do.setdefault(job.rule, []).append(position)
        rows, total, unknown_in_all = [], 0.0, 0
        for rule in [rule for rule in STAGES if rule in to_do]:
            expected = [self.expected_seconds(position) for position in to_do[rule]]
            known = [each for each in expected if each is not None]
            unknown = len(expected) - len(known)
            rows.append([rule, _number_of_jobs(len(expected)), _sum(known, unknown)])
            total, unknown_in_all = total + sum(known), unknown_in_all + unknown
        others = {rule: len(positions) for rule, positions in to_do.items() if rule not in STAGES}
        lines = aligned(rows)
        if len(rows) > 1 and total:
            lines.append(f"one after the other: {_sum([total], unknown_in_all)}")
        if others:
            lines.append("besides: " + ", ".join(f"{rule} {count}" for rule, count in others.items()))
        return lines

    def expected_seconds(self, position: int) -> float | None:
        """Expected time of a job: its own before, else the mean of the other folds; None where neither is known."""
        job = self.jobs[position]
        if position in self.seconds:
            whole = self.seconds[position]
        else:
            same = [
                seconds
                for other, seconds in self.seconds.items()
                if (self.jobs[other].rule, self.jobs[other].name) == (job.rule, job.name)
            ]
            if not same:
                return None
            whole = sum(same) / len(same)
        owner = self.owners.get(position)
        return whole * (1 - owner.done / owner.total) if owner and owner.total else whole

    def called(self, jobs: Iterable[Job]) -> str:
        """Names of jobs in few words: `train ddpm, fold 3; sample ddpm_100, ddpm_20, folds 1-3,5`."""
        of_rule: dict[tuple, dict[str, set[int]]] = {}
        for job in jobs:
            experiment = job.wildcards.get("experiment") if len(self.configuration.experiments) > 1 else None
            folds = of_rule.setdefault((experiment, job.rule), {}).setdefault(job.name, set())
            folds.update([fold_of(job.wildcards["fold"])] if "fold" in job.wildcards else [])
        parts = []
        for (experiment, rule), names in of_rule.items():
            of_folds: dict[str, list[str]] = {}
            for name, folds in names.items():
                of_folds.setdefault(folds_in_words(folds), []).append(name)
            for folds, same in of_folds.items():
                names_shown = (
                    ", ".join(sorted(filter(None, same))) if len(same) <= NAMES_SHOWN else f"({len(same)} jobs)"
                )
                where = f"in {experiment}" if experiment else ""
                parts.append(", ".join(filter(None, [f"{rule} {names_shown}".strip(), folds, where])))
        return "; ".join(parts)

    def _runs(self, live: bool) -> list[str]:
        lines = []
        for position, owner in self.owners.items():
            job = self.jobs[position]
            if is_alive(owner) == live and (live or job.needed):
                slurm = f", Slurm job {owner.slurm_job}" if owner.slurm_job else ""
                heard = f"last heard of {in_words(owner.age_seconds)} ago"
                far = f"{_done(owner)} {owner.what}".strip() or "starting"
                lines.append(f"{self.called([job])}: {far}, on {owner.host}{slurm}, {heard}")
        return lines


def seconds_of(record: Path, network: NetworkSettings | None = None) -> float | None:
    """Duration of the job that a provenance describes, in seconds; None where there is no such file.

    network: today's settings of a trained network; the duration is scaled to their number of iterations.
    Raises OSError or ValueError for a file that cannot be read.
    """
    try:
        content = json.loads(record.read_text())
        timed = ("training_seconds", "sampling_seconds", "seconds")
        seconds = float(next(content[key] for key in timed if key in content))
        for key in ("iterations", "epochs"):
            if network and getattr(network, key) and content["settings"].get(key):
                seconds *= getattr(network, key) / content["settings"][key]
        return seconds
    except FileNotFoundError:
        return None
    except (TypeError, KeyError, AttributeError, StopIteration):
        raise ValueError("it does not say how many seconds the result took") from None


def is_alive(owner: Owner) -> bool:
    return owner.age_seconds < SECONDS_ALIVE


def folds_in_words(folds: Iterable[int]) -> str:
    """`fold 3`, `folds 1-3,5`; nothing for none."""
    runs: list[list[int]] = []
    for fold in sorted(folds):
        if runs and fold == runs[-1][-1] + 1:
            runs[-1].append(fold)
        else:
            runs.append([fold])
    words = ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return words and f"{'fold' if words.isdigit() else 'folds'} {words}"


def in_words(seconds: float) -> str:
    """A duration in words: `40 s`, `35 min`, `5.3 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def aligned(rows: list[list[str]]) -> list[str]:
    """Rows of words as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _done(owner: Owner) -> str:
    return f"{owner.done}/{owner.total}" if owner.total else ""


def _number_of_jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"


def _sum(seconds: list[float], unknown: int) -> str:
    """A total, and the number of jobs that are not in it since nothing like them was timed before."""
    known = in_words(sum(seconds)) if seconds and (sum(seconds) or not unknown) else ""
    return " and ".join(filter(None, [known, f"{unknown} of unknown length" if unknown else ""]))
