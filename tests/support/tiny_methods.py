"""Methods with networks that were not trained, and their samples of the tiny cohort's first participant."""

import torch
from tiny_cohort import DENOISER, FACTORS, METABOLITES, MUNET, participant, truncate

from mrsi_sr import networks
from mrsi_sr.maps.measured import Measurements
from mrsi_sr.results.checkpoint import Weights
from mrsi_sr.sampling.method import Method
from mrsi_sr.sampling.participant import sample_participant
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import NetworkSettings

CPU = torch.device("cpu")
SAMPLERS = {
    "zero_filled": ({"kind": "zero_filled"}, {}),
    "munet": ({"kind": "single_pass"}, {"network": MUNET}),
    "ddpm": ({"kind": "ancestral"}, {"denoiser": DENOISER}),
}


def weights_file(folder, settings: NetworkSettings, **changes):
    """Weights of a network that was not trained, but whose last layer says something."""
    torch.manual_seed(0)
    network = networks.build(settings)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    facts = {"fold": 1, "protocol": "clean", "sizes": [4, 8], "metabolites": list(METABOLITES), "iteration": 4}
    facts |= {"scale_factors": FACTORS[changes.get("protocol", "clean")]} | changes
    path = folder / f"{settings.architecture}.best.safetensors"
    Weights(network.state_dict(), settings.plain(), **facts).save(path)
    return path


def method_of(name: str, folder, protocol: str = "clean", batch_size: int = 64, **settings) -> Method:
    sampler, roles = SAMPLERS[name]
    names = dict.fromkeys(roles, "some-network")
    weights = {role: weights_file(folder, roles[role], protocol=protocol) for role in roles}
    settings = MethodSettings.of(sampler=sampler, networks=names, **settings)
    facts = {"fold": 1, "protocol": protocol, "sizes": [4, 8], "device": CPU}
    return Method(name, settings, roles, weights, **facts, batch_size=batch_size)


def sample(method: Method, folder, protocol: str = "clean", slices=None, sizes=(4, 8)) -> dict:
    slices = slices or participant("sub-1", 1)
    path = truncate(participant("sub-1", 1), folder / f"low-{protocol}.npz", protocol, [4, 6, 8])
    measured = Measurements(path, slices, protocol, sizes)
    return sample_participant(method, slices, measured, protocol, sizes)[0]
