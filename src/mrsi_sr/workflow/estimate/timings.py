"""Earlier timings: what trainings, samplings and other jobs took before, from the records that lie in results/."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.results.outputs import read_record
from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import NetworkSettings, network_settings
from mrsi_sr.workflow.estimate.rates import SCORING_SECONDS, SCORING_SECONDS_PER_MAP, seconds_per_job

# Keys of a network's settings that change what an iteration learns, but not how long it takes.
NO_COST = {
    "iterations", "epochs", "batch_size", "learning_rate", "adam_betas", "decay", "halve_epochs", "ema",
    "validate_every", "sizes", "needs", "alpha", "adversarial_weight", "zero_probability", "outside_noise",
    "diffusion_steps", "truncation", "reconstruction", "gradient_penalty",
}  # fmt: skip
RECORDS = ("*/fold-*/networks/*/provenance.json", "*/fold-*/samples/*/provenance.json",
           "*/fold-*/metrics/*.provenance.json", "cohorts/*/*/*provenance.json", "cohorts/*/*/*/provenance.json",
           "*/*.provenance.json", "*/tables/*.provenance.json", "*/figures/*.provenance.json",
           "simulated/*/provenance.json")  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """Expected duration of a job in seconds, and where the number comes from."""

    seconds: float
    source: str


@dataclass(frozen=True)
class _Timed:
    """One earlier job: its name, device, work (maps times iterations, or draws) and seconds, in the work and beside."""

    name: str
    device: str
    work: float
    seconds: float
    beside: float

    def scaled(self, work: float) -> float:
        return self.beside + self.seconds * work / self.work


class Timings:
    """Earlier jobs on a kind of device: GPU or CPU."""

    def __init__(self, records: Mapping[Path, dict], on_gpu: bool):
        self._same: dict[tuple, list[_Timed]] = {}
        self._like: dict[tuple, list[_Timed]] = {}
        self._sampled: dict[tuple, list[_Timed]] = {}
        self._scored: list[_Timed] = []
        self._others: dict[str, list[float]] = {}
        for path, record in records.items():
            if record.get("script") == "evaluate.py":
                self._note_scoring(record)
            elif record.get("script") not in ("train.py", "sample.py"):
                self._others.setdefault(record.get("script", ""), []).append(float(record["seconds"]))
            elif ("gpu" in record["peak_memory_mb"]) == on_gpu:
                self._note(path.parent.name, record)

    @classmethod
    def read(cls, results: Path, on_gpu: bool) -> "Timings":
        """Timings of all records below a results folder. Those that cannot be read tell nothing."""
        paths = sorted(path for pattern in RECORDS for path in results.glob(pattern))
        records = {path: read_record(path) for path in paths}
        return cls({path: record for path, record in records.items() if "seconds" in record}, on_gpu)

    def training(self, settings: NetworkSettings, work: float) -> Expected | None:
        """Duration of a training of so many iterations times maps of a batch; None without an earlier one like it."""
        return _mean(self._same.get(_cost_key(settings)), work) or _mean(
            self._like.get(_architecture_key(settings)), work
        )

    def sampling(
        self, method: MethodSettings, networks: Mapping[str, NetworkSettings], draws: float
    ) -> Expected | None:
        """Duration of a sampling of so many draws; None without an earlier one by an equal sampler and networks."""
        return _mean(self._sampled.get(_sampling_key(method, networks)), draws)

    def scoring(self, maps: float) -> Expected:
        """Duration of a scoring of so many maps: by the mean of earlier ones for each map, else as it took us."""
        if self._scored:
            per_map = sum(each.seconds for each in self._scored) / sum(each.work for each in self._scored)
            return Expected(maps * per_map, f"{len(self._scored)} earlier")
        return Expected(SCORING_SECONDS + maps * SCORING_SECONDS_PER_MAP, "assumed")

    def other(self, script: str) -> Expected:
        """Duration of a job of another script: the mean of earlier ones, else what it took us."""
        if earlier := self._others.get(script):
            return Expected(sum(earlier) / len(earlier), f"{len(earlier)} earlier")
        return Expected(seconds_per_job(script), "assumed")

    def _note_scoring(self, record: dict) -> None:
        """Take the timing of a scoring, where its record says of how many maps."""
        if maps := record.get("sampling_run", {}).get("maps"):
            self._scored.append(_Timed(record["method"], record["device"], maps, record["seconds"], 0))

    def _note(self, name: str, record: dict) -> None:
        """Take the timing of a training or sampling, where its record has settings that are understood today."""
        try:
            if record["script"] == "train.py":
                settings = network_settings(record["settings"])
                work = record["iterations"] * settings.batch_size
                timed = _timed(name, record, work, record["training_seconds"])
                self._same.setdefault(_cost_key(settings), []).append(timed)
                self._like.setdefault(_architecture_key(settings), []).append(timed)
            else:
                method = MethodSettings.checked(record["settings"])
                networks = {role: network_settings(each) for role, each in record["networks"].items()}
                timed = _timed(name, record, record["maps"] * method.draws, record["sampling_seconds"])
                self._sampled.setdefault(_sampling_key(method, networks), []).append(timed)
        except (UserError, KeyError, TypeError, ZeroDivisionError):
            return


def _timed(name: str, record: dict, work: float, seconds: float) -> _Timed:
    return _Timed(name, record["device"], work, seconds, max(record["seconds"] - seconds, 0)) if work else 1 / 0


def _mean(earlier: list[_Timed] | None, work: float) -> Expected | None:
    if not earlier:
        return None
    names = ", ".join(dict.fromkeys(each.name for each in earlier))
    devices = ", ".join(dict.fromkeys(each.device for each in earlier))
    seconds = sum(each.scaled(work) for each in earlier) / len(earlier)
    return Expected(seconds, f"{len(earlier)} earlier of {names} ({devices})")


def _cost_key(settings: NetworkSettings) -> tuple:
    return tuple(sorted((key, str(value)) for key, value in settings.plain().items() if key not in NO_COST))


def _architecture_key(settings: NetworkSettings) -> tuple:
    keys = ("architecture", "objective", *ARCHITECTURES[settings.architecture].model_fields)
    return tuple(str(getattr(settings, key)) for key in keys)


def _sampling_key(method: MethodSettings, networks: Mapping[str, NetworkSettings]) -> tuple:
    sampler = method.sampler
    chains = [(getattr(each, "diffusion_steps", None), getattr(each, "truncation", None)) for each in networks.values()]
    own = (sampler.kind, getattr(sampler, "steps", None), getattr(sampler, "solver", None))
    roles = tuple(sorted((role, _architecture_key(each)) for role, each in networks.items()))
    return (*own, roles, tuple(map(str, chains)))
