"""Networks that were handed over: a folder of weights, with what a new scan needs to know of them, checked."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from mrsi_sr.cli import UserError
from mrsi_sr.results.checkpoint import Weights
from mrsi_sr.results.files import checksum
from mrsi_sr.results.reading import check_is_file, read_json
from mrsi_sr.sampling.method import Method
from mrsi_sr.settings.errors import check_known, listed
from mrsi_sr.settings.hand_over import FORMAT, HandedNetworks
from mrsi_sr.settings.method import PlannedMethod, check_chain, check_needs, check_role
from mrsi_sr.settings.network import NetworkSettings, check_metabolites, network_settings

CONTENT, CARD = "networks.json", "README.md"  # beside the weights
AGAIN = "copy the folder again from the site that wrote it, with hand_over.py"


@dataclass(frozen=True)
class NetworksFolder:
    """Trained networks in a folder that hand_over.py wrote, with what they were trained on.

        folder = NetworksFolder.read("results/clinic/hand_over")
        method = folder.method("ftddm_100", fold=1, device=torch.device("cpu"), batch_size=16)

    path: of the folder. content: of its networks.json, see settings/hand_over.py.
    """

    path: Path
    content: HandedNetworks

    @classmethod
    def read(cls, path: str | Path) -> "NetworksFolder":
        """The networks in a folder, after all its files were checked.

        Raises UserError for a folder of another version, with files that are missing, changed or no weights, with
        settings that do not fit each other, and for networks of protocol 'paper'.
        """
        path = Path(path)
        if not path.is_dir():
            raise UserError(f"no folder of networks {path}\n  expected one that hand_over.py wrote")
        if not (path / CONTENT).exists():
            raise UserError(
                f"{path} is no folder of networks: it has no {CONTENT}\n  hand_over.py writes such a folder"
            )
        content = read_json(path / CONTENT, "a description of networks", AGAIN)
        if content.get("format") != FORMAT:
            version = f"mrsi-sr {content['version']}" if isinstance(content.get("version"), str) else "another program"
            raise UserError(
                f"{path / CONTENT} was written by {version} in format {json.dumps(content.get('format'))}, but this"
                f" version reads format {FORMAT}\n  use the version that wrote it, or have the folder written again"
            )
        folder = cls(path, HandedNetworks.checked(content, str(path / CONTENT)))
        check_for_scans(folder.protocol, str(path))
        folder._check_content()
        folder._check_files()
        return folder

    @property
    def protocol(self) -> str:
        """Protocol of truncation and scaling."""
        return self.content.protocol

    @property
    def low_resolution(self) -> str:
        """Maps that the low-resolution ones of the training were made of: masked, or filled as a scan is."""
        return self.content.low_resolution

    @property
    def metabolites(self) -> list[str]:
        """Metabolites, in the networks' order."""
        return self.content.metabolites

    @property
    def unit(self) -> str:
        """Unit of the concentrations."""
        return self.content.unit

    @property
    def frame(self) -> int:
        """Side of the networks' maps in voxels."""
        return self.content.frame

    @property
    def voxel_mm(self) -> list[float]:
        """Edges of a voxel in mm, three."""
        return self.content.voxel_mm

    @property
    def sizes(self) -> list[int]:
        """Low-resolution matrix sizes that the networks were trained on."""
        return sorted(self.content.sizes)

    @property
    def methods(self) -> dict[str, PlannedMethod]:
        """Methods by name: label, sampler, names of the networks."""
        return self.content.methods

    @property
    def folds(self) -> list[int]:
        """Folds that there are networks of."""
        return sorted(self.content.folds)

    @property
    def seen(self) -> dict:
        """Distribution of the characteristics of the scans trained on: scan/characteristics.py."""
        return self.content.seen.plain()

    def method(self, name: str, fold: int, device: torch.device, batch_size: int | None = None) -> Method:
        """A method with its networks of a fold, on the device.

        batch_size: number of maps at a time; None: the method's own. Raises UserError for a method or fold that the
        folder lacks, and for weights that do not fit their settings.
        """
        check_known(name, self.methods, f"{self.path}: the method")
        check_known(fold, self.folds, f"{self.path}: the fold")
        planned = self.methods[name]
        weights = {role: self.path / file for role, file in self.content.files_of(name, fold).items()}
        return Method(
            name, planned.settings, self.network_settings(name, fold), weights, fold=fold, protocol=self.protocol,
            low_resolution=self.low_resolution, sizes=[], device=device, batch_size=batch_size or planned.batch_size,
        )  # fmt: skip

    def network_settings(self, method: str, fold: int) -> dict[str, NetworkSettings]:
        """Settings of a method's networks in a fold, by role."""
        return {role: self._networks[name, fold] for role, name in self.methods[method].networks.items()}

    def files_of(self, method: str) -> list[Path]:
        """The description of the networks, and the weights of a method in all folds."""
        weights = {file for fold in self.folds for file in self.content.files_of(method, fold).values()}
        return [self.path / CONTENT, *(self.path / file for file in sorted(weights))]

    def reads_mri(self, method: str) -> bool:
        """Whether a method needs T1 and FLAIR: its sampler or one of its networks reads them."""
        networks = [self.network_settings(method, fold) for fold in self.folds]
        read = any(getattr(network, "mri", True) for each in networks for network in each.values())
        return read or self.methods[method].sampler.reads_mri

    @cached_property
    def _networks(self) -> dict[tuple[str, int], NetworkSettings]:
        """Settings of the networks by name and fold. Raises UserError where there are none, or none that are usable."""
        found = {}
        for name in {network for method in self.methods.values() for network in method.networks.values()}:
            for fold in self.folds:
                where = f"{self.path / CONTENT}: networks.{name}.{fold}"
                given = self.content.networks.get(name, {}).get(str(fold))
                if given is None:
                    raise UserError(f"{where} is missing\n  {AGAIN}")
                found[name, fold] = network_settings(given, where)
                check_metabolites(found[name, fold], self.metabolites, where)
        return found

    def _check_content(self) -> None:
        """Raise UserError unless the methods' networks fit their samplers, and are those that the folder has."""
        for name, method in self.methods.items():
            where = f"{self.path / CONTENT}: methods.{name}"
            for fold in self.folds:
                networks = self.network_settings(name, fold)
                for role, network in networks.items():
                    check_role(method.sampler, role, network, f"{where}.networks.{role}")
                check_chain(method.sampler, networks, where)
                check_needs(method, networks, where)
        needed = {
            file for name in self.methods for fold in self.folds for file in self.content.files_of(name, fold).values()
        }
        if needed != set(self.content.files):
            raise UserError(
                f"{self.path / CONTENT} lists the weights {listed(sorted(self.content.files))}, but its methods need"
                f" {listed(sorted(needed))}\n  {AGAIN}"
            )

    def _check_files(self) -> None:
        """Raise UserError for weights that are missing, changed, no weights, or of other data than the folder says."""
        told = {"protocol": self.protocol, "low_resolution": self.low_resolution, "metabolites": self.metabolites}
        told["frame"] = self.frame
        for name, sha256 in self.content.files.items():
            path = self.path / name
            check_is_file(path, f"weights that {CONTENT} lists")
            if checksum(path) != sha256:
                raise UserError(
                    f"{path} is damaged or was changed: its checksum is not the one in {CONTENT}\n  {AGAIN}"
                )
            weights, (fold, network) = Weights.load(path), name.split(".")[0].removeprefix("fold-").split("/")
            facts = vars(weights) | {"frame": 2 * len(weights.scale_factors or [])}
            of_network = {"fold": int(fold), "settings": self._networks[network, int(fold)].plain()}
            for key, value in (told | of_network).items():
                if facts[key] != value:
                    raise UserError(
                        f"{path} was trained with {key} {json.dumps(facts[key])}, but {CONTENT} says"
                        f" {json.dumps(value)}\n  {AGAIN}"
                    )
            if broken := [key for key, tensor in weights.tensors.items() if not torch.isfinite(tensor).all()]:
                raise UserError(f"{path} has weights that are not finite, the first {broken[0]}\n  {AGAIN}")


def check_for_scans(protocol: str, where: str) -> None:
    """Raise UserError for networks of protocol 'paper', which a new scan cannot be given to. where: what has them."""
    if protocol == "paper":
        raise UserError(
            f"{where} has networks of protocol paper: they scale each map by its high-resolution maximum, which a real"
            " low-resolution scan does not have\n  train networks of protocol clean, as the experiment clinic does"
        )
