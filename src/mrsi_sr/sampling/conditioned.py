"""Conditions that name another size or metabolite than the map's own, to study what networks make of a condition."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mrsi_sr.maps.condition import Condition


@dataclass(frozen=True)
class Misnamed(Condition):
    """A condition of another size than the measurement's: networks read `size`, data consistency `measured_size`.

    measured_size: long [B], low-resolution size of the measurement.
    """

    measured_size: Tensor | None = None

    def consistent(self, x: Tensor) -> Tensor:
        """Data consistency as Condition.consistent, in the measurement's own window."""
        return self.truncation.consistent(self._measured(x), self.kspace, self.measured_size)

    def residual(self, x: Tensor) -> Tensor:
        """Misfit as Condition.residual, in the measurement's own window."""
        return self.truncation.measure(self._measured(x), self.measured_size) - self.kspace


def conditioned_on(condition: Condition, size: int | None, metabolite: int | None) -> Condition:
    """The same maps with networks conditioned on a size and a metabolite; None: each map's own.

    metabolite: position in the list that the networks were trained on. The measurement stays as it is (FTDDM, section
    3.3.6; multi-scale paper, figure 2).
    """
    if size is None and metabolite is None:
        return condition
    values = {field.name: getattr(condition, field.name) for field in fields(condition)}
    changes = {} if size is None else {"size": torch.full_like(condition.size, size)}
    changes |= {} if metabolite is None else {"metabolite": torch.full_like(condition.metabolite, metabolite)}
    return Misnamed(**values | changes, measured_size=condition.size)
