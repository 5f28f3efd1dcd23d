"""One training loop for all objectives: it can stop at any moment and continue to the same result."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mrsi_sr import devices, networks, objectives
from mrsi_sr.cli import SECONDS_BETWEEN_LINES, Stopped, UserError, log, stop_noted
from mrsi_sr.maps.dataset import MapsOnDevice, generator_of, stable_hash
from mrsi_sr.results.checkpoint import Checkpoint
from mrsi_sr.settings.old_base import default
from mrsi_sr.settings.old_network import TrainingSettings
from mrsi_sr.training.critic import Critic, set_learning_rate

LOSSES_KEPT_BACK = 20  # iterations whose losses stay on the device before they are looked at: looking makes a GPU wait


@dataclass(frozen=True)
class Trained:
    """The end of a run: state dictionaries of the network (its moving average where there is one) and the losses.

    best is the one of lowest validation loss, reached at best_iteration. losses: one row per validation and part
    (train: mean since the validation before; validation). seconds: of training,
    over all resumptions. parameters: trainable.
    """

    best: dict[str, Tensor]
    best_iteration: int
    last: dict[str, Tensor]
    iterations: int
    losses: list[dict]
    seconds: float
    parameters: int


def train(
    settings: dict, training: MapsOnDevice, validation: MapsOnDevice, *, seed: int, checkpoint: Checkpoint,
    device: torch.device, needed: dict[str, nn.Module] | None = None,
    beat: Callable[[int, int, str], None] = lambda done, total, what: None,
    checkpoint_every: int = default("network-configured", "checkpoint_every"),
) -> Trained:  # fmt: skip
    """Train one network, resuming from the checkpoint where it is this run's own.

    All randomness comes from (seed, iteration): on a CPU an interrupted run ends bit-identical to an uninterrupted one.
    settings: complete, as network_settings.resolve_network returns them. needed: the trained networks, by role, that
    the objective builds on. beat: told after every iteration how far the run is. checkpoint_every: iterations.
    Raises UserError when a loss or a weight is not finite any more, and Stopped, with the checkpoint saved, when
    SIGTERM came.
    """
    run = Run(settings, training, validation, seed, device, needed)
    saved = checkpoint.load(device)
    if saved is None:
        run.prepare()
    else:
        run.restore(saved)
        log.info("resuming at iteration %d of %d from %s", run.iteration, run.total, checkpoint.path)
    lines = ProgressLines(run)
    with stop_noted() as stop:
        while run.iteration < run.total:
            run.step()
            if run.is_due(run.settings.validate_every):
                run.validate()
            stopping = stop()
            if stopping or run.is_due(checkpoint_every):
                run.check_weights()
                checkpoint.save(run.state())
            lines.tell()
            beat(run.iteration, run.total, "iterations")
            if stopping:
                raise Stopped(
                    f"stopped by SIGTERM after iteration {run.iteration} of {run.total}\n"
                    f"  the same again resumes from {checkpoint.path}"
                )
    return Trained(
        run.best["weights"], run.best["iteration"], run.averaged.state_dict(), run.total, run.losses, run.seconds,
        networks.count_parameters(run.network),
    )  # fmt: skip


class Run:
    """The state of a training run between two iterations, and what moves it on."""

    def __init__(
        self, settings: dict, training: MapsOnDevice, validation: MapsOnDevice, seed: int, device: torch.device,
        needed: dict[str, nn.Module] | None = None,
    ):  # fmt: skip
        self.settings = TrainingSettings.of(settings)
        self.training, self.validation, self.seed, self.device = training, validation, seed, device
        self.total = self.settings.total_iterations(len(training))
        torch.manual_seed(seed)  # the weights that training starts from
        self.network = devices.place(networks.build(settings), device)
        self.averaged = copy.deepcopy(self.network) if self.settings.ema else self.network
        self.objective = objectives.build(settings, needed)
        self.optimizer = devices.adam(self.network, self.settings.learning_rate, self.settings.adam_betas, device)
        self.critic: Critic | None = None
        if hasattr(self.objective, "critic"):
            self.critic = Critic(self.objective, self.settings, training, seed, device)
        self.iteration, self.seconds = 0, 0.0
        self.best: dict = {"loss": math.inf, "iteration": 0, "weights": {}}
        self.losses: list[dict] = []
        self._waiting: list[tuple[int, dict[str, Tensor]]] = []  # losses not looked at yet
        self._sums: dict[str, float] = {}  # of the losses since the last validation
        self._summed = 0

    def prepare(self) -> None:
        """What the objective wants done to a fresh network, with the first batch that it will be trained on."""
        if hasattr(self.objective, "prepare"):
            batch = self.training.training_batch(self.seed, 0, self.settings.batch_size)
            self.objective.prepare(self.network, batch, generator_of(self.device, "prepare", self.seed))
            self.averaged.load_state_dict(self.network.state_dict())

    def step(self) -> None:
        """Train on one batch, the critic before on batches of its own."""
        started = time.monotonic()
        torch.manual_seed(stable_hash("iteration", self.seed, self.iteration))  # whatever draws without a generator
        rate = self.settings.learning_rate_at(self.iteration, len(self.training))
        set_learning_rate(self.optimizer, rate)
        network = devices.fast(self.network, self.device)
        self.network.train()
        judged = self.critic.step(network, self.iteration, rate) if self.critic else {}
        batch = self.training.training_batch(self.seed, self.iteration, self.settings.batch_size)
        generator = generator_of(self.device, "objective", self.seed, self.iteration)
        loss, parts = self.objective(network, batch, generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.iteration += 1
        if self.settings.ema:
            average(self.averaged, self.network, self.settings.ema, self.iteration)
        self._waiting.append((self.iteration, self._detached({"loss": loss, **parts, **judged})))
        if len(self._waiting) >= LOSSES_KEPT_BACK:
            self._look_at_losses()
        self.seconds += time.monotonic() - started

    @torch.no_grad()
    def validate(self) -> None:
        """Add the losses since the last validation and the validation losses to the record; keep the best weights.

        Sizes and noise of a validation map are the same every time, so that losses differ by the weights alone.
        """
        started = time.monotonic()
        self._look_at_losses()
        self.averaged.eval()
        network, sums = devices.fast(self.averaged, self.device), {}
        judge = getattr(self.objective, "validation", self.objective)
        for number, batch in enumerate(self.validation.validation_batches(self.settings.batch_size)):
            generator = generator_of(self.device, "validation", number)
            loss, parts = judge(network, batch, generator)
            for name, value in {"loss": loss, **parts}.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(batch.target)
        means = {name: value / len(self.validation) for name, value in sums.items()}
        self._check_finite(self.iteration, means, "validation")
        rate = self.settings.learning_rate_at(self.iteration - 1, len(self.training))
        trained = {name: value / max(self._summed, 1) for name, value in self._sums.items()}
        for part, values in (("train", trained), ("validation", means)):
            self.losses.append({"iteration": self.iteration, "part": part, **values, "learning_rate": rate})
        self._sums, self._summed = {}, 0
        if means["loss"] < self.best["loss"]:
            weights = {name: tensor.clone() for name, tensor in self.averaged.state_dict().items()}
            self.best = {"loss": means["loss"], "iteration": self.iteration, "weights": weights}
        self.seconds += time.monotonic() - started

    def is_due(self, every: int) -> bool:
        """Whether something that is done every so many iterations, and at the end, is due now."""
        return self.iteration % every == 0 or self.iteration == self.total

    def check_weights(self) -> None:
        """Raise UserError when a weight is not finite: a loss can be finite where its gradient is not."""
        self._look_at_losses()
        trained = [self.network, *([self.critic.module] if self.critic else [])]
        if not all(bool(torch.isfinite(each).all()) for module in trained for each in module.parameters()):
            raise UserError(_not_finite(f"a weight is not finite after iteration {self.iteration}", self.settings))

    def state(self) -> dict:
        """All that the rest of the run depends on."""
        return {
            "iteration": self.iteration,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "critic": self.critic.state() if self.critic else None,
            "best": self.best,
            "losses": self.losses,
            "sums": self._sums,
            "summed": self._summed,
        }

    def restore(self, state: dict) -> None:
        """Continue from what `state` returned."""
        self.iteration, self.seconds = state["iteration"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
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

    def _detached(self, parts: dict) -> dict[str, Tensor]:
        return {name: torch.as_tensor(value, device=self.device).detach() for name, value in parts.items()}

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


class ProgressLines:
    """A line of log every ten seconds: iteration, losses, time left."""

    def __init__(self, run: Run):
        self.run, self.first = run, run.iteration
        self.started = self.last = time.monotonic()

    def tell(self) -> None:
        """Write the line where ten seconds have passed or training has ended."""
        now, run = time.monotonic(), self.run
        if now - self.last < SECONDS_BETWEEN_LINES and run.iteration < run.total:
            return
        self.last = now
        left = (now - self.started) / (run.iteration - self.first) * (run.total - run.iteration)
        loss, validation = (f"{value:.5g}" if value is not None else "-" for value in
                            (run.running_loss(), run.latest("validation")))  # fmt: skip
        log.info(
            "training: iteration %d of %d, loss %s, validation %s, about %.0f s left",
            run.iteration, run.total, loss, validation, left,
        )  # fmt: skip


@torch.no_grad()
def average(averaged: nn.Module, network: nn.Module, decay: float, iteration: int) -> None:
    """Move the exponential moving average of the weights on: averaged = d averaged + (1 - d) network.

    d = min(decay, (1 + i) / (10 + i)) at iteration i, counted from 1: the average spans at most the last ninth of the
    run so far, so that a short run's is not full of the weights it began with. From i = 90,000 on 0.9999 is 0.9999.
    """
    weight = 1 - min(decay, (1 + iteration) / (10 + iteration))
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), weight)
    for old, new in zip(averaged.buffers(), network.buffers(), strict=True):
        old.copy_(new)


def _not_finite(what: str, settings: TrainingSettings) -> str:
    return (
        f"{what}\n"
        f"  training stops; the checkpoint before, where there is one, is kept\n"
        f"  lower learning_rate (now {settings.learning_rate:g}), or look for maps with extreme values in the montages"
    )
