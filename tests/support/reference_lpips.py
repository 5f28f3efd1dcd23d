"""The lpips package, as reference: also with a torchvision that was built for another torch than the CPU-only one."""

import sys
import warnings
from functools import cache

import torch


@cache
def import_lpips():
    """The lpips module.

    A torchvision of another build fails at import, since its compiled operators nms and qnms are missing. lpips needs
    only its model definitions: after the two operators' schemas are declared, a second import succeeds.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        import torchvision

        torchvision.schemas = library  # the declarations live as long as this object
    import lpips

    return lpips


def reference(metric: str, weights: dict[str, torch.Tensor] | None = None):
    """LPIPS of the package: a random backbone and the package's linear layers, or all of these weights."""
    with warnings.catch_warnings(action="ignore"):  # torchvision's, about deprecated arguments that lpips uses
        network = import_lpips().LPIPS(net=metric.removeprefix("lpips_"), pnet_rand=True, verbose=False)
    if weights is not None:
        # lpips cuts torchvision's `features` into slices and keeps the numbers: slice2.5.weight is features.5.weight.
        names = {name: f"features.{name.split('.', 1)[1]}" for name in network.net.state_dict()}
        network.net.load_state_dict({name: weights[other] for name, other in names.items()})
        linear = {f"{i}.model.1.weight": weights[f"lin{i}.model.1.weight"] for i in range(5)}
        network.lins.load_state_dict(linear)
    return network.eval().requires_grad_(False)
