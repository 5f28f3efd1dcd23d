"""Laws of networks that are handed over: the same maps as at home, nobody's name, and no folder that is not whole."""

import json
import shutil
import sys

import handed
import pytest
import torch
from damage import flip, rewrite
from safetensors.torch import load_file, save_file
from tiny_cohort import FRAME, METABOLITES, PARTS
from toy_maps import noise_of, toy_batch

from mrsi_sr.cli import UserError
from mrsi_sr.report.model_card import model_card
from mrsi_sr.results.files import checksum
from mrsi_sr.sampling.hand_over import hand_over
from mrsi_sr.sampling.handed_over import NetworksFolder
from mrsi_sr.sampling.method import Method

CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:  # a command that names scans, as the workflow's does
        patch.setattr(sys, "argv", ["hand_over.py", "--scans", *(f"scans/{name}" for name in PARTS)])
        return handed.write(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made, tmp_path):
    """A copy of the folder at another site."""
    return shutil.copytree(made, tmp_path / "from-elsewhere")


def described(folder, change) -> None:
    """Change networks.json, as somebody would who also writes the record of the folder again."""
    content = json.loads((folder / "networks.json").read_text())
    change(content)
    for name in content.get("files", {}):
        if (folder / name).is_file():
            content["files"][name] = checksum(folder / name)
    (folder / "networks.json").write_text(json.dumps(content))
    for record in ("provenance.json", ".result.json"):
        (folder / record).unlink(missing_ok=True)


@pytest.mark.parametrize("name", handed.METHODS)
def test_a_method_makes_the_same_maps_elsewhere_as_at_home(made, folder, name):
    method = NetworksFolder.read(folder).method(name, 1, CPU, batch_size=2)
    planned, home = handed.settings().methods[name], made.parent / "home" / "networks"
    weights = {role: home / each / f"{planned.weights_of(role)}.safetensors" for role, each in planned.networks.items()}
    networks = {role: handed.NETWORKS[each] for role, each in planned.networks.items()}
    at_home = Method(
        name, planned.settings, networks, weights, fold=1, protocol="clean", sizes=[4], device=CPU, batch_size=2
    )
    condition = toy_batch(2, grid=16, sizes=(4, 8)).condition
    with torch.no_grad():
        assert torch.equal(method(condition, noise_of([0, 1]))[0], at_home(condition, noise_of([0, 1]))[0])
    assert method.batch_size == 2 and method.metabolites == at_home.metabolites


def test_the_folder_says_what_a_new_scan_has_to_know(folder):
    networks = NetworksFolder.read(folder)
    assert (networks.protocol, networks.low_resolution, networks.unit) == ("clean", "masked", "mM")
    assert networks.metabolites == list(METABOLITES) and networks.frame == FRAME
    assert networks.sizes == [4, 8] and networks.folds == [1] and networks.voxel_mm == [3.4, 3.4, 5.0]
    assert networks.methods["ddpm"].label == "DDPM (T=4)" and list(networks.methods) == sorted(handed.METHODS)
    assert networks.reads_mri("ddpm") and networks.reads_mri("munet") and not networks.reads_mri("zero_filled")
    assert networks.seen["scans"] == 1 and networks.seen["snr"] == [15.0] * 5 and networks.seen["flair"] is True
    assert networks.content.training["ddpm"]["1"].validation_loss == {"best": 0.5, "last": 0.7}
    assert networks.content.participants["1"].train == 1 and networks.content.participants["1"].maps == 6


def test_no_file_of_the_folder_names_a_participant_or_a_place_at_home(made):
    files = [path for path in made.rglob("*") if path.is_file()]
    assert len(files) == 6  # two of weights, networks.json, README.md, provenance.json and the mark
    for path in files:
        content = path.read_bytes()
        for name in [*PARTS, str(made.parent), "scans/"]:
            assert name.encode() not in content and name not in str(path.relative_to(made)), (path, name)


def test_the_model_card_tells_a_stranger_what_it_is_and_where_it_ends(made):
    card = (made / "README.md").read_text()
    for words in ("Research use only", "tiny: simulated phantoms", "1 to train on, 1 to validate on",
                  "tCr, tCho, in mM",
                  "3.4 x 3.4 x 5 mm", "4, 8", "clean", "below 6 x 6 fails", "outside 2 to 8", "MIT licence",
                  "0.5 / 0.7", "26,281", "DDPM (T=4)"):  # fmt: skip
        assert words in " ".join(card.split()), words
    content = NetworksFolder.read(made).content
    filled = model_card(content.model_copy(update={"low_resolution": "filled", "phantom": False, "cohort": "a_b"}))
    assert "the whole brain" in filled and "simulated" not in filled


def test_networks_of_the_papers_protocol_are_refused_with_the_reason(tmp_path, folder):
    with pytest.raises(UserError, match="protocol paper: they scale each map by its high-resolution maximum"):
        handed.write(tmp_path, protocol="paper")
    described(folder, lambda content: content.update(protocol="paper"))
    with pytest.raises(UserError, match="protocol paper: they scale each map by its high-resolution maximum"):
        NetworksFolder.read(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"low_resolution": "filled"}, 'trained with low_resolution "masked", but the settings say "filled"'),
        ({"folds": [1, 2]}, "--networks lacks 2/munet"),
        ({"methods": {"zero_filled": handed.METHODS["zero_filled"]}}, "nothing to hand over"),
        ({"networks": {"munet": {"1": handed.DENOISER.plain()}}}, "was trained with settings"),
    ],
)
def test_what_was_trained_otherwise_is_not_handed_over(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        handed.write(tmp_path, **changes)
    assert not (tmp_path / "handed").exists()


def test_who_was_trained_on_has_to_be_there(tmp_path):
    given = handed.sources(tmp_path)
    given["scans"] = given["scans"][1:]
    with pytest.raises(UserError, match="no folder of sub-1, who was trained on"):
        hand_over(handed.settings(), **given, card=model_card, code={}, out=tmp_path / "handed")


def unlink(name):
    return lambda folder: (folder / name).unlink()


def changed(**changes):
    return lambda folder: described(folder, lambda content: content.update(changes))


def without_method(folder):
    described(folder, lambda content: content["methods"].pop("ddpm"))


def with_other_role(folder):
    described(folder, lambda content: content["methods"]["ddpm"]["networks"].update(denoiser="munet"))


def outside(folder):
    described(folder, lambda content: content["files"].update({"../../home/x.best.safetensors": "0"}))


def pickled(folder):
    torch.save({"weights": torch.zeros(3)}, folder / "fold-1/ddpm.last.safetensors")
    described(folder, lambda content: None)


def not_finite(folder):
    path = folder / "fold-1/munet.best.safetensors"
    with_metadata(path, lambda tensors: next(iter(tensors.values())).fill_(float("nan")))
    described(folder, lambda content: None)


def other_layers(folder):
    path = folder / "fold-1/munet.best.safetensors"
    with_metadata(path, lambda tensors: tensors.pop(next(iter(tensors))))
    described(folder, lambda content: None)


def with_metadata(path, change) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (unlink("networks.json"), "no folder of networks: it has no networks.json"),
        (unlink("fold-1/ddpm.last.safetensors"), "no file .*ddpm.last.safetensors"),
        (lambda folder: flip(folder / "fold-1/ddpm.last.safetensors"), "ddpm.last.safetensors is damaged"),
        (lambda folder: rewrite(folder / "networks.json", b'{"format": 1'), "cannot be read as a description"),
        (changed(format=2), "in format 2, but this version reads format 1"),
        (changed(metabolites=["tCr", "NAA"]), r'trained with metabolites \["tCr", "tCho"\]'),
        (changed(frame=32), "trained with frame 16"),
        (changed(folds=[1, 2]), "networks.munet.2 is missing|networks.ddpm.2 is missing"),
        (changed(sizes=[7]), "networks.json.sizes"),
        (changed(seen={"scans": 1}), "networks.json.seen"),
        (changed(more=1), "networks.json.more"),
        (without_method, "lists the weights .* but its methods need"),
        (with_other_role, "has learned regression"),
        (outside, "networks.json.files"),
        (pickled, "cannot be read as weights"),
        (not_finite, "not finite"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_in_one_message(folder, damage, message):
    damage(folder)
    with pytest.raises(UserError, match=message):
        NetworksFolder.read(folder)


def test_weights_of_other_layers_and_unknown_methods_and_folds_are_refused(folder):
    networks = NetworksFolder.read(folder)
    for name, fold, message in (("dpm", 1, "did you mean ddpm|ddpm"), ("ddpm", 3, "fold")):
        with pytest.raises(UserError, match=message):
            networks.method(name, fold, CPU)
    other_layers(folder)
    with pytest.raises(UserError, match="do not fit the network of their settings"):
        NetworksFolder.read(folder).method("munet", 1, CPU)
    with pytest.raises(UserError, match="no folder of networks"):
        NetworksFolder.read(folder / "nowhere")
