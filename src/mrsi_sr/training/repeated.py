"""Work that training repeats on one batch after another; on a GPU it is replayed as one CUDA graph.

A step of the denoiser is about three thousand small kernels, and starting them one by one takes longer than they run.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mrsi_sr import devices
from mrsi_sr.cli import log
from mrsi_sr.maps.dataset import generator_of, stable_hash

CALLS_BEFORE_CAPTURE = 3  # libraries choose and allocate in the first ones; they are iterations like all others

# A function of the choices of a batch, on the device, and of a random generator: numbers [] by name.
Work = Callable[[Tensor, torch.Generator], dict[str, Tensor]]


def repeated(work: Work, device: torch.device, captured: bool):
    """Work to be called as `work(chosen, *key)`; the key of numbers and words seeds its generator on the device."""
    return Captured(work, device) if captured else Eager(work, device)


class Eager:
    """Work whose operations are started one by one."""

    def __init__(self, work: Work, device: torch.device):
        self.work, self.device = work, device

    def __call__(self, chosen: Tensor, *key) -> dict[str, Tensor]:
        """The work on the choices of a batch, long [B, ..] on the CPU."""
        with devices.training_arithmetic():
            return self.work(chosen.to(self.device), generator_of(self.device, *key))


class Captured:
    """Work that is captured in a CUDA graph after a few calls; from then on a call replays the graph.

    The choices are copied to where the graph reads them, and its generator is seeded before each replay, so that a call
    depends on its arguments alone, as an eager one does. A call with fewer maps than the first one is eager. Work must
    not wait for the device, nor copy from the host; work that does stays eager, with a warning.
    """

    def __init__(self, work: Work, device: torch.device):
        self.work, self.eager, self.device = work, Eager(work, device), device
        self.stream = torch.cuda.Stream(device)
        self.generator = torch.Generator(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.calls, self.refused = 0, False

    def __call__(self, chosen: Tensor, *key) -> dict[str, Tensor]:
        """See Eager."""
        self.calls += 1
        if self.refused or (self.graph is not None and chosen.shape != self.chosen.shape):
            return self.eager(chosen, *key)
        if self.calls <= CALLS_BEFORE_CAPTURE:
            return self._beside(chosen, *key)
        if self.graph is None:
            try:
                self._capture(chosen)
            except RuntimeError as error:
                self.refused = True
                log.warning("a step cannot be captured in a CUDA graph, and runs slower without: %s", error)
                return self.eager(chosen, *key)
        self.chosen.copy_(chosen, non_blocking=True)
        self.generator.manual_seed(stable_hash(*key))
        self.graph.replay()
        return dict(zip(self.names, self.numbers.clone(), strict=True))

    def _beside(self, chosen: Tensor, *key) -> dict[str, Tensor]:
        """An eager call on a stream of its own, as CUDA asks for before a capture."""
        here = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            numbers = self.eager(chosen, *key)
        here.wait_stream(self.stream)
        return numbers

    def _capture(self, chosen: Tensor) -> None:
        self.chosen = chosen.to(self.device)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        # Other threads may use the device while this one captures.
        capture = torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local")
        with devices.training_arithmetic(), capture:
            numbers = self.work(self.chosen, self.generator)
            self.numbers = torch.stack([number.float() for number in numbers.values()])
        self.names, self.graph = list(numbers), graph
