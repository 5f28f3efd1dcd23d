"""Sampling: super-resolved maps of the test participants of a fold, by one method."""

from collections.abc import Iterable
from pathlib import Path

from mrsi_sr import networks, samplers
from mrsi_sr.results.code import code_of
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import NetworkSettings


def code(
    method: MethodSettings, network_settings: Iterable[NetworkSettings], by: str | Path = "mrsi_sr.sampling.fold"
) -> dict[str, str]:
    """Code that can change a method's maps: sampling, its sampler, its networks' architectures, and their imports.

    network_settings: of the networks of all roles. by: module or file of the program that samples.
    """
    kinds = filter(None, [method.sampler.kind, getattr(method.sampler, "solver", None)])
    architectures = (networks.module_of(each.architecture) for each in network_settings)
    return code_of(by, *map(samplers.module_of, kinds), *architectures)
