"""How far the experiments are: a table of method x fold, why results are stale, and what it will cost to renew them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mrsi_sr.results import claim as claims
from mrsi_sr.results.claim import Claim
from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.workflow.configuration import Configuration

STAGES = ("train", "sample", "evaluate")  # rules that make a method's scores, in order
NAMED_BY = ("network", "method", "table", "figure", "participant")  # the wildcard that a job is called by
SECONDS_ALIVE = 300  # a run that has not been heard of for longer is taken for dead
NAMES_SHOWN = 4  # of one rule's jobs; more are counted


@dataclass(frozen=True)
class Job:
    """One job of the workflow, to be run or not. `above` are the positions of those that it waits for."""

    rule: str
    wildcards: dict[str, str]
    needed: bool  # Snakemake would run it
    missing: bool  # some of its outputs are not there
    above: frozenset[int] = frozenset()
    causes: tuple[str, ...] = ()  # why it must run, apart from the jobs above it
    outputs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return next((self.wildcards[key] for key in NAMED_BY if key in self.wildcards), "")

    @property
    def record(self) -> Path | None:
        """Its provenance."""
        return next((Path(path) for path in self.outputs if path.endswith("provenance.json")), None)


@dataclass(frozen=True)
class Plan:
    """What Snakemake would do: every job, in an order in which each comes after those that it waits for."""

    configuration: Configuration
    jobs: list[Job]
    absent: list[str] = field(default_factory=list)  # scans' files that are not there, in words


class Status:
    """A plan, and by the jobs' positions in it the claims of runs on their folders and the seconds that they took."""

    def __init__(self, plan: Plan, claims: dict[int, Claim] | None = None, seconds: dict[int, float] | None = None):
        self.plan, self.configuration, self.jobs = plan, plan.configuration, plan.jobs
        self.claims, self.seconds = claims or {}, seconds or {}
        self.unreadable: list[str] = []
        self.chains: list[frozenset[int]] = []  # of each job: itself and all that it waits for
        for position, job in enumerate(self.jobs):
            self.chains.append(frozenset([position]).union(*(self.chains[other] for other in job.above)))

    @classmethod
    def read(cls, plan: Plan) -> "Status":
        """The same, with claims and earlier timings read from the results' folders."""
        status = cls(plan)
        for position, job in enumerate(plan.jobs):
            if job.rule not in STAGES or job.record is None:
                continue
            if job.rule != "evaluate" and (claim := claims.read(job.record.parent)):
                status.claims[position] = claim
            try:
                seconds = seconds_of(
                    job.record,
                    plan.configuration.network(job.name, int(job.wildcards["fold"])) if job.rule == "train" else None,
                )
            except (OSError, ValueError) as error:
                status.unreadable.append(f"{job.record}: {error}")
            else:
                if seconds is not None:
                    status.seconds[position] = seconds
        return status

    def report(self) -> str:
        """All there is to say, as text."""
        parts = [self.table(experiment) for experiment in self.configuration.experiments]
        sections = (
            ("Running", self._claimed(live=True)),
            ("Interrupted, and resumed where settings, data and code are the same", self._claimed(live=False)),
            ("Stale because of", self.causes()),
            ("To do, from earlier timings", self.costs()),
            ("Provenance that cannot be read", self.unreadable),
            ("Scans' files that are not there: what was made from them before is left as it is", self.plan.absent),
        )
        parts += ["\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in sections if lines]
        if not self.plan.absent and not any(job.needed for job in self.jobs):
            parts.append("Everything is up to date.")
        return "\n\n".join(parts) + "\n"

    def table(self, experiment: str) -> str:
        """A row for each method, a column for each fold."""
        settings = self.configuration.experiments[experiment]
        folds = settings.folds.run
        scored = {
            (job.wildcards["method"], int(job.wildcards["fold"])): position
            for position, job in enumerate(self.jobs)
            if job.rule == "evaluate" and job.wildcards["experiment"] == experiment
        }
        rows = [[experiment, *(f"fold {fold}" for fold in folds)]]
        for method in settings.methods:
            cells = (scored.get((method, fold)) for fold in folds)
            rows.append([method, *("not planned" if cell is None else self.cell(cell) for cell in cells)])
        return "\n".join(aligned(rows))

    def cell(self, position: int) -> str:
        """One method on one fold: fresh, running, or from which stage on its scores are made (again)."""
        chain = sorted(self.chains[position])
        for each in chain:
            if each in self.claims and is_alive(self.claims[each]):
                return f"running {_done(self.claims[each])}".rstrip()
        if not self.jobs[position].needed:
            return "fresh"
        for each in chain:
            if each in self.claims and self.jobs[each].needed:
                return f"interrupted {_done(self.claims[each])}".rstrip()
        rules = {self.jobs[each].rule for each in chain if self.jobs[each].needed}
        stage = next(rule for rule in STAGES if rule in rules)
        return f"{'missing' if self.jobs[position].missing else 'stale'} ({stage})"

    def causes(self) -> list[str]:
        """One line for each cause, with the jobs where it strikes; those that only follow from them are left out.

        Modules that strike the same jobs share a line.
        """
        struck: dict[str, list[Job]] = {}
        for position, job in enumerate(self.jobs):
            for cause in job.causes:
                if not any(cause in self.jobs[each].causes for each in self.chains[position] - {position}):
                    struck.setdefault(cause, []).append(job)
        lines, modules = [], {}
        for cause, jobs in struck.items():
            where = self.called(jobs)
            if cause.endswith(".py changed"):
                modules.setdefault(where, []).append(cause.removesuffix(" changed"))
            else:
                lines.append(f"{cause}  ({where})")
        return lines + [f"{', '.join(paths)} changed  ({where})" for where, paths in modules.items()]

    def costs(self) -> list[str]:
        """For each rule how many jobs there are to do and how long they will take, one after the other."""
        to_do: dict[str, list[int]] = {}
        for position, job in enumerate(self.jobs):
            if job.needed:
                to_do.setdefault(job.rule, []).append(position)
        rows, total, unknown_in_all = [], 0.0, 0
        for rule in [rule for rule in STAGES if rule in to_do]:
            expected = [self.expected_seconds(position) for position in to_do[rule]]
            known = [each for each in expected if each is not None]
            unknown = len(expected) - len(known)
            rows.append([rule, _jobs(len(expected)), _sum(known, unknown)])
            total, unknown_in_all = total + sum(known), unknown_in_all + unknown
        others = {rule: len(positions) for rule, positions in to_do.items() if rule not in STAGES}
        lines = aligned(rows)
        if len(rows) > 1 and total:
            lines.append(f"one after the other: {_sum([total], unknown_in_all)}")
        if others:
            lines.append("besides: " + ", ".join(f"{rule} {count}" for rule, count in others.items()))
        return lines

    def expected_seconds(self, position: int) -> float | None:
        """What is left of a job: its own time before, or else the mean of the other folds; None where there is none."""
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
        claim = self.claims.get(position)
        return whole * (1 - claim.done / claim.total) if claim and claim.total else whole

    def called(self, jobs: Iterable[Job]) -> str:
        """Jobs in few words: `train ddpm, fold 3; sample ddpm_100, ddpm_20, folds 1-3,5`."""
        of_rule: dict[tuple, dict[str, set[int]]] = {}
        for job in jobs:
            experiment = job.wildcards.get("experiment") if len(self.configuration.experiments) > 1 else None
            folds = of_rule.setdefault((experiment, job.rule), {}).setdefault(job.name, set())
            folds.update([int(job.wildcards["fold"])] if "fold" in job.wildcards else [])
        parts = []
        for (experiment, rule), names in of_rule.items():
            of_folds: dict[str, list[str]] = {}
            for name, folds in names.items():
                of_folds.setdefault(folds_in_words(folds), []).append(name)
            for folds, same in of_folds.items():
                listed = ", ".join(sorted(filter(None, same))) if len(same) <= NAMES_SHOWN else f"({len(same)} jobs)"
                where = f"in {experiment}" if experiment else ""
                parts.append(", ".join(filter(None, [f"{rule} {listed}".strip(), folds, where])))
        return "; ".join(parts)

    def _claimed(self, live: bool) -> list[str]:
        lines = []
        for position, claim in self.claims.items():
            job = self.jobs[position]
            if is_alive(claim) == live and (live or job.needed):
                slurm = f", Slurm job {claim.slurm_job}" if claim.slurm_job else ""
                heard = f"last heard of {in_words(claim.age_seconds)} ago"
                far = f"{_done(claim)} {claim.what}".strip() or "starting"
                lines.append(f"{self.called([job])}: {far}, on {claim.host}{slurm}, {heard}")
        return lines


def seconds_of(record: Path, network: NetworkSettings | None = None) -> float | None:
    """How long the result took that a provenance describes, or None where there is none.

    network: today's settings of the one that was trained; as many iterations as they have are counted.
    Raises OSError or ValueError for one that cannot be read.
    """
    try:
        told = json.loads(record.read_text())
        seconds = float(next(told[key] for key in ("training_seconds", "sampling_seconds", "seconds") if key in told))
        for key in ("iterations", "epochs"):
            if network and getattr(network, key) and told["settings"].get(key):
                seconds *= getattr(network, key) / told["settings"][key]
        return seconds
    except FileNotFoundError:
        return None
    except (TypeError, KeyError, AttributeError, StopIteration):
        raise ValueError("it does not say how many seconds the result took") from None


def is_alive(claim: Claim) -> bool:
    return claim.age_seconds < SECONDS_ALIVE


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
    """A duration: `40 s`, `35 min`, `5.3 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def aligned(rows: list[list[str]]) -> list[str]:
    """Rows of words as lines with columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _done(claim: Claim) -> str:
    return f"{claim.done}/{claim.total}" if claim.total else ""


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"


def _sum(seconds: list[float], unknown: int) -> str:
    """A total, and how many jobs are not in it since nothing like them was timed before."""
    known = in_words(sum(seconds)) if seconds and (sum(seconds) or not unknown) else ""
    return " and ".join(filter(None, [known, f"{unknown} of unknown length" if unknown else ""]))
