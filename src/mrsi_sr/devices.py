"""Where tensors live and how they are computed there: every choice that depends on the device is made here.

| | CPU | CUDA |
|---|---|---|
| arithmetic of networks | float32 | bfloat16 autocast; norms, data consistency and losses in float32 |
| memory layout of 2-D convolutions | as written | channels last |
| Adam | one kernel per operation | fused |
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mrsi_sr.cli import UserError, log


def choose(name: str, threads: int | None = None) -> torch.device:
    """The device that --device asks for, with the number of CPU threads set.

    Raises UserError when CUDA is asked for and absent, or the number of threads is below 1.
    """
    if threads is not None:
        if threads < 1:
            raise UserError(f"--threads is {threads}, expected at least 1")
        torch.set_num_threads(threads)
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda, but torch sees no CUDA GPU here\n  use --device auto or --device cpu")
    device = torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        # What autocast leaves in float32 is meant to be exact: a flow's way back has to meet its way there.
        torch.backends.cudnn.allow_tf32 = False
        log.info("device: %s, bfloat16 autocast", torch.cuda.get_device_name())
    else:
        log.info("device: CPU, %d threads, float32", torch.get_num_threads())
    return device


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network to the device, in the memory layout that its 2-D convolutions are fastest in there."""
    network = network.to(device)
    if device.type == "cuda":
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)
    return network


def fast(network: Callable[..., Tensor], device: torch.device) -> Callable[..., Tensor]:
    """The network computed in the device's arithmetic, its answer in float32: losses and samplers compute exactly."""
    return network if device.type != "cuda" else Autocast(network)


class Autocast:
    """A network, or one of its methods, whose calls run in bfloat16 where that is enough; tensors come in float32."""

    def __init__(self, called: Callable):
        self._called = called

    def __call__(self, *arguments, **named):
        """Whatever the network returns."""
        with torch.autocast("cuda", dtype=torch.bfloat16):
            answer = self._called(*arguments, **named)
        return answer.float() if isinstance(answer, Tensor) else answer

    def __getattr__(self, name: str):
        """A method of the network, in the same arithmetic, or another attribute as it is."""
        attribute = getattr(self._called, name)
        return Autocast(attribute) if callable(attribute) else attribute


def adam(network: nn.Module, learning_rate: float, betas: tuple[float, float], device: torch.device):
    """Adam over the network's parameters (Kingma and Ba 2015)."""
    return torch.optim.Adam(network.parameters(), learning_rate, betas, fused=device.type == "cuda")


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the learning rate of the optimizer's next step."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that a clock read next is right."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
