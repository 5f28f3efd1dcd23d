"""Rows of benchmarks/steps.py: one training step or one evaluation, ours and the reference's."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from references.sharing import distance_of_gradients
from torch import Tensor, nn

from mrsi_sr import devices
from mrsi_sr.cli import log

TOLERANCE = 1e-4
CPU = torch.device("cpu")
STEP, FORWARD = "MUNet training", "MUNet forward"


@dataclass(frozen=True)
class Side:
    """Ours or the reference: a function without arguments that returns a loss, or the result of an evaluation.

    module: network that is trained on the loss; None for an evaluation.
    """

    function: Callable[[], Tensor]
    module: nn.Module | None = None

    def gradients(self) -> Tensor:
        """The loss, with its gradients left in the module."""
        self.module.zero_grad(set_to_none=True)
        loss = self.function()
        loss.backward()
        return loss.detach()

    def timed(self) -> Callable[[], object]:
        """All that is timed: an evaluation, or a step of training."""
        if self.module is None:
            return torch.no_grad()(self.function)
        optimizer = devices.adam(self.module, 1e-7, (0.5, 0.9), CPU)  # the weights stay nearly as they are
        return lambda: (self.gradients(), optimizer.step())


@dataclass(frozen=True)
class Row:
    """One training step or one evaluation, ours and the reference's.

    published: cost of the papers' published code, in units of our MUNet's training step or evaluation, which the
    reference should not exceed; None where it is not known.
    """

    name: str
    ours: Side
    reference: Side
    published: float | None = None

    @property
    def unit(self) -> str:
        """Name of the row that costs are compared with."""
        return FORWARD if self.ours.module is None else STEP

    def check(self, *, gradients: bool) -> None:
        """Raise AssertionError where results, losses or (if asked for) gradients differ by more than the tolerance."""
        if self.ours.module is None:
            with torch.no_grad():
                here, there = self.ours.function(), self.reference.function()
        else:
            here, there = self.ours.gradients(), self.reference.gradients()
        apart = [float((here - there).norm() / there.norm())]
        if gradients and self.ours.module is not None:
            apart.append(distance_of_gradients(self.ours.module, self.reference.module))
        log.info("%s: ours and the reference differ by %s", self.name, ", ".join(f"{each:.1e}" for each in apart))
        assert max(apart) <= TOLERANCE, f"{self.name}: ours and the reference differ"
