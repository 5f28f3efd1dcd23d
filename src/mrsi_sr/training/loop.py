"""One training loop for all objectives: it can stop at any moment and continue to the same result."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import TypedDict  # typing's own cannot be checked by pydantic before Python 3.12

from mrsi_sr import devices, networks, objectives
from mrsi_sr.cli import ProgressLines, Stopped, UserError, log, stop_noted
from mrsi_sr.maps.dataset import MapsOnDevice, generator_of, stable_hash
from mrsi_sr.results.checkpoint import Checkpoint
from mrsi_sr.results.reading import reading, shaped
from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.training.average import MovingAverage
from mrsi_sr.training.learning_rate import iterations_between_validations, learning_rate, total_iterations
from mrsi_sr.training.repeated import repeated

LOSSES_KEPT_BACK = 20  # iterations whose losses stay on the device before they are looked at: looking makes a GPU wait


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training: state dictionaries of the network (its moving average where there is one) and the losses.

    best: of lowest validation loss, reached at best_iteration. last: at the end, after all iterations. losses: one row
    per validation and part (train: mean since the validation before; validation). seconds: duration of the training,
    over all resumptions. parameters: the number of trainable ones.
    """

    best: dict[str, Tensor]
    best_iteration: int
    last: dict[str, Tensor]
    iterations: int
    losses: list[dict]
    seconds: float
    parameters: int


def train(
    settings: NetworkSettings, training: MapsOnDevice, validation: MapsOnDevice, *, seed: int, checkpoint: Checkpoint,
    checkpoint_every: int, device: torch.device, needed: dict[str, nn.Module] | None = None,
    tell: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> TrainingResult:  # fmt: skip
    """Train one network, resuming from the checkpoint where it is this run's own.

    All randomness comes from (seed, iteration): on a CPU an interrupted run ends bit-identical to an uninterrupted one.
    checkpoint_every: iterations between checkpoints. needed: trained networks that the objective uses, by role.
    tell(done, total, what): called after every iteration.
    Raises UserError when a loss or a weight is not finite any more, and Stopped, with the checkpoint saved, when
    SIGTERM came.
    """
    run = Run(settings, training, validation, seed, device, needed)
    saved = checkpoint.load(device)
    if saved is None:
        run.prepare()
    else:
        with reading(checkpoint.path, "the checkpoint of this training", "delete it, and run the same again"):
            run.restore(saved)
        log.info("resuming at iteration %d of %d from %s", run.iteration, run.total, checkpoint.path)
    lines = ProgressLines("training: iteration", run.iteration, run.total)
    with stop_noted() as stop:
        while run.iteration < run.total:
            run.step()
            if run.is_due(run.validate_every):
                run.validate()
            stopping = stop()
            if stopping or run.is_due(checkpoint_every):
                run.check_weights()
                checkpoint.save(run.state())
            lines.report(run.iteration, lambda: {"loss": run.running_loss(), "validation": run.latest("validation")})
            tell(run.iteration, run.total, "iterations")
            if stopping:
                raise Stopped(
                    f"stopped by SIGTERM after iteration {run.iteration} of {run.total}\n"
                    f"  the same again resumes from {checkpoint.path}"
                )
    return TrainingResult(
        run.best["weights"], run.best["iteration"], run.averaged.state_dict(), run.total, run.losses, run.seconds,
        networks.count_parameters(run.network),
    )  # fmt: skip


class Best(TypedDict):
    """Weights of the lowest validation loss so far, empty before the first validation."""

    loss: float
    iteration: int
    weights: dict[str, Any]


class RunState(TypedDict):
    """State of a training in a checkpoint: what Run.state returns."""

    iteration: int
    seconds: float
    network: dict[str, Any]
    averaged: dict[str, Any]
    optimizer: dict[int, Any]
    critic: dict[str, Any] | None
    best: Best
    losses: list[dict[str, Any]]
    sums: dict[str, float]
    summed: int


class Run:
    """A training between two iterations: its state, and the steps that change it."""

    def __init__(
        self, settings: NetworkSettings, training: MapsOnDevice, validation: MapsOnDevice, seed: int,
        device: torch.device, needed: dict[str, nn.Module] | None = None, captured: bool | None = None,
    ):  # fmt: skip
        """The arguments are those of `train`. captured: whether steps are CUDA graphs; None: on a GPU they are."""
        self.settings, self.seed, self.device = settings, seed, device
        self.training, self.validation = training, validation
        self.total = total_iterations(settings, len(training))
        self.validate_every = iterations_between_validations(settings, len(training))
        torch.manual_seed(seed)  # the weights that training starts from
        self.network = devices.place(networks.build(settings), device)
        self.averaged = copy.deepcopy(self.network) if settings.ema else self.network
        self._average = MovingAverage(self.averaged, self.network, settings.ema) if settings.ema else None
        self.objective = objectives.build(settings, needed)
        self.optimizer = devices.adam(self.network, settings.learning_rate, settings.adam_betas, device)
        self.critic = self.objective.critic
        repeat = partial(repeated, device=device, captured=device.type == "cuda" if captured is None else captured)
        self._update, self._judge = repeat(self._updated), repeat(self._judged)
        if self.critic:
            self.critic.place(devices.fast(self.network, device), settings, training, seed, device, repeat)
        self.iteration, self.seconds = 0, 0.0
        self.best: dict = {"loss": math.inf, "iteration": 0, "weights": {}}
        self.losses: list[dict] = []
        self._waiting: list[tuple[int, dict[str, Tensor]]] = []  # losses that are still on the device
        self._sums: dict[str, float] = {}  # of the losses since the last validation
        self._summed = 0

    def prepare(self) -> None:
        """Initialise a fresh network as its objective does, from the first batch that it will be trained on."""
        batch = self.training.training_batch(self.seed, 0, self.settings.batch_size)
        self.objective.prepare(self.network, batch, generator_of(self.device, "prepare", self.seed))
        self.averaged.load_state_dict(self.network.state_dict())

    def step(self) -> None:
        """Train on one batch; before that, where there is a critic, train it on batches of its own."""
        started = time.monotonic()
        torch.manual_seed(stable_hash("iteration", self.seed, self.iteration))  # for draws without a generator
        rate = learning_rate(self.settings, self.iteration, len(self.training))
        devices.set_learning_rate(self.optimizer, rate)
        if not self.network.training:
            self.network.train()
        of_critic = self.critic.step(self.iteration, rate) if self.critic else {}
        chosen = self.training.draw(self.seed, self.iteration, self.settings.batch_size)
        losses = self._update(chosen, "objective", self.seed, self.iteration)
        self.iteration += 1
        if self._average:
            self._average.update(self.iteration)
        self._waiting.append((self.iteration, {**losses, **of_critic}))
        if len(self._waiting) >= LOSSES_KEPT_BACK:
            self._look_at_losses()
        self.seconds += time.monotonic() - started

    def _updated(self, chosen: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of the optimizer on a batch; the losses before it."""
        batch = self.training.drawn_batch(chosen)
        return devices.step(self.optimizer, *self.objective(devices.fast(self.network, self.device), batch, generator))

    def _judged(self, chosen: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """The validation losses of the averaged weights on a batch."""
        batch = self.validation.drawn_batch(chosen)
        loss, parts = self.objective.validation(devices.fast(self.averaged, self.device), batch, generator)
        return {"loss": loss, **parts}

    @torch.no_grad()
    def validate(self) -> None:
        """Add the losses since the last validation and the validation losses to the record; keep the best weights.

        Sizes and noise of a validation map are the same every time: losses differ by the weights alone.
        """
        started = time.monotonic()
        self._look_at_losses()
        self.averaged.eval()
        sums: dict[str, Tensor] = {}
        for number, chosen in enumerate(self.validation.validation_choices(self.settings.batch_size)):
            for name, value in self._judge(chosen, "validation", number).items():
                sums[name] = sums.get(name, 0) + value.double() * len(chosen)
        means = {name: float(value) / len(self.validation) for name, value in sums.items()}
        self._check_finite(self.iteration, means, "validation")
        rate = learning_rate(self.settings, self.iteration - 1, len(self.training))
        trained = {name: value / max(self._summed, 1) for name, value in self._sums.items()}
        for part, values in (("train", trained), ("validation", means)):
            self.losses.append({"iteration": self.iteration, "part": part, **values, "learning_rate": rate})
        self._sums, self._summed = {}, 0
        if means["loss"] < self.best["loss"]:
            weights = {name: tensor.clone() for name, tensor in self.averaged.state_dict().items()}
            self.best = {"loss": means["loss"], "iteration": self.iteration, "weights": weights}
        self.seconds += time.monotonic() - started

    def is_due(self, every: int) -> bool:
        """Whether work that is done every so many iterations, and at the end, is due now."""
        return self.iteration % every == 0 or self.iteration == self.total

    def check_weights(self) -> None:
        """Raise UserError when a weight is not finite: a loss can be finite where its gradient is not."""
        self._look_at_losses()
        trained = [self.network, *([self.critic.module] if self.critic else [])]
        finite = [torch.isfinite(each).all() for module in trained for each in module.parameters()]
        if not torch.stack(finite).all():
            raise UserError(_not_finite(f"a weight is not finite after iteration {self.iteration}", self.settings))

    def state(self) -> RunState:
        """All that the rest of the run depends on."""
        return {
            "iteration": self.iteration,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": devices.moments(self.optimizer),
            "critic": self.critic.state() if self.critic else None,
            "best": self.best,
            "losses": self.losses,
            "sums": self._sums,
            "summed": self._summed,
        }

    def restore(self, state: dict) -> None:
        """Continue from a state that `state` returned. Raises ValueError, KeyError or RuntimeError for another one."""
        shaped(RunState, state)
        if not 0 <= state["iteration"] <= self.total:
            raise ValueError(f"it is of iteration {state['iteration']} of {self.total}")
        self.iteration, self.seconds = state["iteration"], state["seconds"]
        if state["best"]["weights"]:
            self.averaged.load_state_dict(state["best"]["weights"])  # refuses those of another network
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        devices.restore_moments(self.optimizer, state["optimizer"])
        for parameter, moments in self.optimizer.state.items():
            if any(each.ndim and each.shape != parameter.shape for each in moments.values() if torch.is_tensor(each)):
                raise ValueError("the moments of its optimizer are of another network")
        if self.critic:
            self.critic.restore(state["critic"])
        self.best, self.losses = state["best"], state["losses"]
        self._sums, self._summed = state["sums"], state["summed"]

    def latest(self, part: str) -> float | None:
        """The mean loss of a part (train, validation) at the last validation, None before the first."""
        return next((row["loss"] for row in reversed(self.losses) if row["part"] == part), None)

    def running_loss(self) -> float | None:
        """The mean training loss since the last validation, or up to it right after one; None before any."""
        self._look_at_losses()
        return self._sums["loss"] / self._summed if self._summed else self.latest("train")

    def _look_at_losses(self) -> None:
        if not self._waiting:
            return
        names = list(self._waiting[0][1])
        table = torch.stack([torch.stack([values[name].float() for name in names]) for _, values in self._waiting])
        for (iteration, _), values in zip(self._waiting, table.tolist(), strict=True):
            parts = dict(zip(names, values, strict=True))
            self._check_finite(iteration, parts, "training")
            for name, value in parts.items():
                self._sums[name] = self._sums.get(name, 0.0) + value
            self._summed += 1
        self._waiting = []

    def _check_finite(self, iteration: int, parts: dict[str, float], kind: str) -> None:
        if not all(math.isfinite(value) for value in parts.values()):
            listed = ", ".join(f"{name} {value:.4g}" for name, value in parts.items())
            raise UserError(
                _not_finite(f"the {kind} loss is not finite at iteration {iteration}: {listed}", self.settings)
            )


def _not_finite(what: str, settings: NetworkSettings) -> str:
    return (
        f"{what}\n"
        f"  training stops; an earlier checkpoint is kept\n"
        f"  lower learning_rate (now {settings.learning_rate:g}), or look for maps with extreme values in the montages"
    )
