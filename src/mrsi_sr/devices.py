"""Devices: every choice that depends on whether a CPU or a GPU computes.

| | CPU | CUDA |
|---|---|---|
| arithmetic of networks | bfloat16 autocast where the processor multiplies in it, else float32 | bfloat16 autocast |
| always float32 | weights, sums of norms, a flow's passes, data consistency, losses | the same |
| convolutions of flows' passes | float32 | float32 when sampling, TF32 in training |
| algorithms of convolutions | the library's choice | in training the fastest, tried out |
| memory layout of 2-D convolutions | as written | channels last |
| Adam | one kernel per operation | fused |
| steps of training | operation by operation | one CUDA graph (training/repeated.py) |
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mrsi_sr.cli import UserError, log

# Arithmetic of networks by type of device. `choose` sets the processor's: what does not call it computes in float32.
_arithmetic = {"cpu": torch.float32, "cuda": torch.bfloat16}


def choose(name: str, threads: int | None = None) -> torch.device:
    """Device of the flag --device (auto, cpu or cuda); sets the number of CPU threads, and the CPU's arithmetic.

    Raises UserError for cuda without a CUDA GPU, or a number of threads below 1.
    """
    if threads is not None:
        if threads < 1:
            raise UserError(f"--threads is {threads}, expected at least 1")
        torch.set_num_threads(threads)
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda, but torch sees no CUDA GPU here\n  use --device auto or --device cpu")
    device = torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        # Operations that autocast leaves in float32 must be exact: a flow's inverse has to invert its forward pass.
        torch.backends.cudnn.allow_tf32 = False
        log.info("device: %s, bfloat16 autocast", torch.cuda.get_device_name())
    else:
        _arithmetic["cpu"] = torch.bfloat16 if multiplies_in_bfloat16() else torch.float32
        words = "bfloat16 autocast" if in_bfloat16(device) else "float32"
        log.info("device: CPU, %d threads, %s", torch.get_num_threads(), words)
    return device


def multiplies_in_bfloat16() -> bool:
    """Whether the processor has instructions for products of bfloat16 numbers, and torch uses its newest ones.

    ATEN_CPU_CAPABILITY=avx2 in the environment says that it shall not: then networks compute in float32.
    """
    has = torch.cpu.get_capabilities()
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def in_bfloat16(device: torch.device | str) -> bool:
    """Whether networks on the device compute in bfloat16."""
    return _arithmetic[torch.device(device).type] == torch.bfloat16


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """A network, moved to the device in the memory layout in which its 2-D convolutions are fastest."""
    network = network.to(device)
    if device.type == "cuda":
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)
    return network


def fast(network: Callable[..., Tensor], device: torch.device) -> Callable[..., Tensor]:
    """A network evaluated in the device's arithmetic, with float32 results for exact losses and samplers."""
    return Autocast(network, device.type) if in_bfloat16(device) else network


class Autocast:
    """A network, or one of its methods, called under bfloat16 autocast; a resulting tensor is float32."""

    def __init__(self, function: Callable, device_type: str):
        self._function, self._device_type = function, device_type

    def __call__(self, *arguments, **named):
        """The network's result."""
        with torch.autocast(self._device_type, dtype=torch.bfloat16):
            result = self._function(*arguments, **named)
        return result.float() if isinstance(result, Tensor) else result

    def __getattr__(self, name: str):
        """A method of the network under the same autocast; any other attribute unchanged."""
        attribute = getattr(self._function, name)
        return Autocast(attribute, self._device_type) if callable(attribute) else attribute


@contextmanager
def training_arithmetic() -> Iterator[None]:
    """Convolutions of a training on a GPU: of float32 in TF32, and by the algorithm that is fastest when tried out.

    A flow's passes are in float32 so that one inverts the other, which a training does not need. Its shapes never
    change, so that trying out pays.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.benchmark
    cudnn.allow_tf32, cudnn.benchmark = True, True
    try:
        yield
    finally:
        cudnn.allow_tf32, cudnn.benchmark = before


def adam(network: nn.Module, learning_rate: float, betas: tuple[float, float], device: torch.device):
    """Adam over the network's parameters (Kingma and Ba 2015)."""
    if device.type != "cuda":
        return torch.optim.Adam(network.parameters(), learning_rate, betas, fused=False)
    # A number on the device, which a captured step reads anew each time.
    rate = torch.tensor(learning_rate, device=device)
    return torch.optim.Adam(network.parameters(), rate, betas, fused=True, capturable=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the learning rate of the optimizer's next step."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(learning_rate)
        else:
            group["lr"] = learning_rate


def step(optimizer: torch.optim.Optimizer, loss: Tensor, parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """One step of an optimizer down the gradient of a loss; returns the loss as `loss`, and its parts, detached."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return {name: value.detach() for name, value in {"loss": loss, **parts}.items()}


def moments(optimizer: torch.optim.Optimizer) -> dict:
    """What an optimizer has learned of its parameters' gradients, for a checkpoint: the same on every device."""
    return optimizer.state_dict()["state"]


def restore_moments(optimizer: torch.optim.Optimizer, state: dict) -> None:
    """Give an optimizer the moments of a checkpoint; its options stay those of the device."""
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def wait(device: torch.device) -> None:
    """Wait until the device has finished its queue, so that a duration measured next is right."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
