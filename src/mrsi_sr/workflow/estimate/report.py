"""The estimate as a table: jobs, GPU hours, CPU hours and disk by rule and network, and the wall time of all."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mrsi_sr.report.caption import counted
from mrsi_sr.results.ownership import Owner
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.training.learning_rate import iterations_between_validations, total_iterations
from mrsi_sr.workflow.estimate.arithmetic import Counted
from mrsi_sr.workflow.estimate.maps import Maps
from mrsi_sr.workflow.estimate.rates import START_SECONDS, THREADS, Device
from mrsi_sr.workflow.estimate.schedule import Task, wall_seconds
from mrsi_sr.workflow.estimate.timings import Expected, Timings
from mrsi_sr.workflow.runs import fold_of
from mrsi_sr.workflow.status.report import DryRun, Job, aligned, in_words

ON_DEVICE = ("train", "sample", "probe")  # rules that compute on a GPU where there is one
NAMED = (*ON_DEVICE, "evaluate")  # rules that have a line for each network or method
SMALL = 0.01  # share of the time of all jobs: methods below it share a line
HEAD = ("rule", "network or method", "jobs", "GPU time", "CPU time", "GB", "from")
NONE = "-"
BYTES = 4  # of a number in single precision
TERA, GIGA = 1e12, 1e9


@dataclass(frozen=True)
class JobCost:
    """Expected cost of a job: its duration with where that comes from, whether on a GPU, and the size of its result."""

    job: Job
    expected: Expected
    on_gpu: bool
    bytes: float

    @property
    def gpu_seconds(self) -> float:
        return self.expected.seconds if self.on_gpu else 0

    @property
    def cpu_seconds(self) -> float:
        """Of all cores together, where there is no GPU."""
        threads = 0 if self.on_gpu else THREADS if self.job.rule in ON_DEVICE else 1
        return threads * self.expected.seconds


class Estimate:
    """Expected costs of all jobs of a dry run that would be run."""

    def __init__(self, dry_run: DryRun, device: Device, timings: Timings, maps: Maps):
        self._configuration, self._chosen = dry_run.configuration, dry_run.chosen
        self._device, self._timings, self._maps = device, timings, maps
        self._counted = Counted(self._configuration.cohort.slices.frame)
        self._jobs = dry_run.jobs
        self.costs = {position: self._cost(job) for position, job in enumerate(dry_run.jobs) if job.needed}

    def report(self, gpus: int, jobs: int) -> str:
        """The whole estimate as text. gpus, jobs: how many jobs on a GPU, and of any kind, run at a time."""
        if not self.costs:
            return "Everything is up to date: nothing would be run.\n"
        rows = [list(HEAD), *(self._row(*line) for line in self._lines())]
        costs = list(self.costs.values())
        rows.append(["all", "", *_sums(costs), ""])
        at_a_time = f"{counted(jobs, 'job')} at a time" + (f", {gpus} of them on a GPU" if self._device.on_gpu else "")
        lines = [
            "What `snakemake` would run now, and about what it takes. Nothing was run.",
            "",
            *aligned(rows),
            "",
            f"wall time with {at_a_time}: {in_words(self.wall(gpus, jobs))}, without waiting in a queue",
            self._maps.in_words,
            *self._assumed(costs),
        ]
        return "\n".join(lines) + "\n"

    def wall(self, gpus: int, jobs: int) -> float:
        """Seconds from the start to the end of all jobs."""
        number = {position: k for k, position in enumerate(self.costs)}
        tasks = [
            Task(cost.expected.seconds, cost.on_gpu, frozenset(number[other] for other in self._needed_above(position)))
            for position, cost in self.costs.items()
        ]
        return wall_seconds(tasks, gpus, jobs)

    def _needed_above(self, position: int) -> Iterator[int]:
        return (other for other in self._jobs[position].above if other in self.costs)

    def _lines(self) -> Iterator[tuple[str, str, list[JobCost]]]:
        """Costs by rule; of trainings by network, of samplings and scorings by method where they matter."""
        by_rule: dict[str, dict[str, list[JobCost]]] = {}
        for cost in self.costs.values():
            name = cost.job.name if cost.job.rule in NAMED else ""
            by_rule.setdefault(cost.job.rule, {}).setdefault(name, []).append(cost)
        order = [*self._configuration.networks, *self._configuration.methods, ""]
        small = SMALL * sum(cost.expected.seconds for cost in self.costs.values())
        for rule, by_name in by_rule.items():
            others, left = [], []
            for name in sorted(by_name, key=order.index):
                costs = by_name[name]
                if rule in NAMED[1:] and sum(cost.expected.seconds for cost in costs) < small:
                    others, left = [*others, name], left + costs
                else:
                    yield rule, name, costs
            if left:
                yield rule, others[0] if len(others) == 1 else f"({len(others)} methods)", left

    def _row(self, rule: str, name: str, costs: list[JobCost]) -> list[str]:
        sources = "; ".join(dict.fromkeys(cost.expected.source for cost in costs))
        return [rule, name, *_sums(costs), sources]

    def _assumed(self, costs: list[JobCost]) -> list[str]:
        """What an estimate from arithmetic assumes."""
        if not any(cost.expected.source == "arithmetic" for cost in costs):
            return []
        device, lines = self._device, []
        for what, rates in (("training", device.training), ("sampling", device.sampling)):
            words = ", ".join(f"{name} {rate:.3g}" for name, rate in rates.items())
            lines.append(f"  TFLOP/s in {what}{'' if device.on_gpu else ' on each thread'}: {words}")
        return [
            f"arithmetic: operations of the networks on {device.name}, whose speed is {device.measured}",
            *lines,
            "  networks much smaller than the papers' take several times as long as arithmetic says",
        ]

    # --- single jobs

    def _cost(self, job: Job) -> JobCost:
        match job.rule:
            case "train":
                expected, size = self._training(job)
            case "sample":
                expected, size = self._sampling(job)
            case "probe":
                expected, size = self._probing(job)
            case "evaluate":
                expected, size = self._timings.scoring(self._maps_sampled(job)), 0
            case "slices":
                expected, size = self._timings.other("slices.py"), self._slices_bytes(job)
            case _:
                expected, size = self._timings.other(f"{job.rule}.py"), 0
        on_gpu = job.rule in ON_DEVICE and self._device.on_gpu
        return JobCost(job, Expected(expected.seconds * self._left(job), expected.source), on_gpu, size)

    def _training(self, job: Job) -> tuple[Expected, float]:
        fold, name = fold_of(job.wildcards["fold"]), job.wildcards["network"]
        settings = self._configuration.network(name, fold)
        needed = {role: self._configuration.network(each, fold) for role, each in settings.needs.items()}
        trained, validated = (self._maps_of(job, part) for part in ("train", "validation"))
        iterations = total_iterations(settings, max(round(trained), 1))
        size = 2 * BYTES * self._counted.passes(settings).parameters
        if earlier := self._timings.training(settings, iterations * settings.batch_size):
            return earlier, size
        validations = iterations / iterations_between_validations(settings, max(round(trained), 1))
        operations = iterations * settings.batch_size * self._counted.iteration(settings, needed)
        operations += validations * validated * self._counted.validation(settings, needed)
        return self._by_arithmetic(operations, self._device.training[settings.architecture]), size

    def _sampling(self, job: Job) -> tuple[Expected, float]:
        method, maps = self._configuration.method(job.wildcards["method"]), self._maps_sampled(job)
        size = maps * BYTES * self._configuration.cohort.slices.frame**2
        return self._drawing(maps * method.draws, method, self._networks_of(job, method)), size

    def _networks_of(self, job: Job, method: MethodSettings) -> dict[str, NetworkSettings]:
        fold = fold_of(job.wildcards["fold"])
        return {role: self._configuration.network(name, fold) for role, name in method.networks.items()}

    def _drawing(self, drawn: float, method: MethodSettings, networks: dict[str, NetworkSettings]) -> Expected:
        """Time of drawing so many maps: from earlier jobs, else by arithmetic."""
        if earlier := self._timings.sampling(method, networks, drawn):
            return earlier
        main = networks.get("denoiser") or next(iter(networks.values()), None)
        rate = self._device.sampling[main.architecture] if main else 1
        return self._by_arithmetic(drawn * self._counted.sample(method.sampler, networks), rate)

    def _probing(self, job: Job) -> tuple[Expected, float]:
        """A probe samples its part of the maps once for each change of the scan; its file is small."""
        experiment = self._configuration.experiment(job.wildcards["experiment"])
        probe, method = experiment.probes[job.wildcards["probe"]], self._configuration.method(job.wildcards["method"])
        once = method | {"samples": 1, "subset": probe.subset.plain()}
        sizes = probe.sizes or experiment.evaluate_sizes
        maps = probe.changes * self._maps.sampled(self._participants(job, method.part), once, sizes)
        networks = self._networks_of(job, method)
        return self._drawing(maps * method.draws, method, networks), 0

    def _by_arithmetic(self, operations: float, tera_per_second: float) -> Expected:
        threads = 1 if self._device.on_gpu else THREADS
        return Expected(START_SECONDS + operations / (tera_per_second * TERA * threads), "arithmetic")

    def _left(self, job: Job) -> float:
        """Share of a job's work that is still to be done: what an interrupted one has done is kept."""
        owner = Owner.of(job.record.parent) if job.rule in ON_DEVICE and job.record else None
        return 1 - owner.done / owner.total if owner and owner.total else 1

    def _maps_of(self, job: Job, part: str) -> float:
        return sum(self._maps.of(name)[1] for name in self._participants(job, part))

    def _participants(self, job: Job, part: str) -> list[str]:
        name = job.wildcards["experiment"]
        settings = self._configuration.experiment(name).folds
        return self._maps.in_fold(self._chosen.get(name, {}), settings, fold_of(job.wildcards["fold"])).get(part, [])

    def _maps_sampled(self, job: Job) -> float:
        method = self._configuration.method(job.wildcards["method"])
        sizes = self._configuration.sizes_of(job.wildcards["experiment"], job.name)
        return self._maps.sampled(self._participants(job, method.part), method, sizes)

    def _slices_bytes(self, job: Job) -> float:
        """Size of a participant's slices: maps with their validity, and two MRI of three slices three times as fine."""
        slices, maps = self._maps.of(job.wildcards["participant"])
        frame = self._configuration.cohort.slices.frame
        return frame**2 * ((BYTES + 1) * maps + 2 * 3 * 3**2 * BYTES * slices)


def estimate(dry_run: DryRun, device: Device, results: Path) -> Estimate:
    """Estimate of a dry run. results: folder of the workflow's results, where earlier timings lie."""
    cohort = dry_run.configuration.cohort
    maps = Maps(cohort, results / "cohorts" / cohort.name / "summary.csv")
    return Estimate(dry_run, device, Timings.read(results, device.on_gpu), maps)


def _sums(costs: list[JobCost]) -> list[str]:
    """Cells of a row: number of jobs, time on GPUs and on cores, size of the results."""
    gpu, cpu, size = (sum(getattr(cost, key) for cost in costs) for key in ("gpu_seconds", "cpu_seconds", "bytes"))
    gigabytes = f"{size / GIGA:.2g}" if 0 < size < 100 * GIGA else f"{size / GIGA:,.0f}"
    return [
        str(len(costs)),
        in_words(gpu) if gpu else NONE,
        in_words(cpu) if cpu else NONE,
        gigabytes if size else NONE,
    ]
