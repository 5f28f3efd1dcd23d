"""Laws of training: it resumes to the same bits, averages, slows down and stops as it should."""

import copy
import errno
import logging

import pytest
import torch
from tiny_cohort import DENOISER, MUNET, participant

from mrsi_sr.cli import UserError
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.results import files
from mrsi_sr.results.checkpoint import Checkpoint, Weights
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.settings.network import network_settings
from mrsi_sr.training import loop as training
from mrsi_sr.training.average import MovingAverage
from mrsi_sr.training.learning_rate import learning_rate, total_iterations
from mrsi_sr.workflow.configuration import Configuration

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def maps():
    return [MapsOnDevice([participant(f"sub-{seed}", seed)], "clean", [4, 8]) for seed in (1, 2)]


def train(settings, maps, checkpoint):
    return training.train(settings, *maps, seed=1, checkpoint=checkpoint, device=CPU, checkpoint_every=2)


def same(one: training.TrainingResult, other: training.TrainingResult) -> bool:
    weights = all(
        torch.equal(getattr(one, kind)[name], getattr(other, kind)[name])
        for kind in ("best", "last")
        for name in one.last
    )
    return weights and one.losses == other.losses and one.best_iteration == other.best_iteration


class Interrupted(Exception):
    pass


@pytest.mark.parametrize(("settings", "at"), [(MUNET, 3), (DENOISER, 3), (DENOISER, 5)])
def test_a_run_interrupted_and_resumed_is_bit_identical(settings, at, maps, tmp_path, monkeypatch):
    settings = settings | {"iterations": 6, "validate_every": 3}
    whole = train(settings, maps, Checkpoint(tmp_path / "whole", "a"))
    step = training.Run.step

    def stops(run):
        if run.iteration == at:
            raise Interrupted
        step(run)

    monkeypatch.setattr(training.Run, "step", stops)
    with pytest.raises(Interrupted):
        train(settings, maps, Checkpoint(tmp_path / "part", "a"))
    monkeypatch.setattr(training.Run, "step", step)
    torch.manual_seed(99)  # what the new process would find in torch's own generator
    assert same(train(settings, maps, Checkpoint(tmp_path / "part", "a")), whole)


def test_the_distance_of_checkpoints_changes_no_bit(maps, tmp_path):
    one, other = (
        training.train(
            MUNET, *maps, seed=1, checkpoint=Checkpoint(tmp_path / str(every), "a"), device=CPU, checkpoint_every=every
        )
        for every in (1, 3)
    )
    assert same(one, other)


def test_a_checkpoint_of_another_fingerprint_is_not_resumed(maps, tmp_path, caplog):
    train(DENOISER, maps, Checkpoint(tmp_path / "run.checkpoint", "a"))
    assert Checkpoint(tmp_path / "run.checkpoint", "a").load(CPU)["iteration"] == 4
    with caplog.at_level(logging.WARNING):
        assert Checkpoint(tmp_path / "run.checkpoint", "b").load(CPU) is None
    assert "belongs to other settings, fold, seed, data or code: training starts anew" in caplog.text


def fingerprint(settings: dict, code: dict, data: list[str], **facts) -> str:
    """The fingerprint of a result whose inputs have these checksums."""
    provenance = Provenance(settings, code=code)
    provenance.inputs = {f"file-{number}": checksum for number, checksum in enumerate(data)}
    return provenance.fingerprint(**facts)


def test_a_fingerprint_is_of_all_that_decides_and_of_nothing_else():
    given = {"settings": {"a": 1, "b": 2}, "fold": 1, "seed": 1, "data": ["x"], "protocol": "clean", "sizes": [8]}
    given["code"] = {"mrsi_sr/kspace.py": "1"}
    one = fingerprint(**given)
    assert fingerprint(**given | {"settings": {"b": 2, "a": 1}}) == one
    changes = [
        {"settings": {"a": 1}},
        {"fold": 2},
        {"seed": 2},
        {"data": ["y"]},
        {"protocol": "paper"},
        {"sizes": [10]},
        {"code": {"mrsi_sr/kspace.py": "2"}},
    ]
    others = {fingerprint(**given | change) for change in changes}
    assert len(others | {one}) == len(changes) + 1


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "run.checkpoint", "a")
    checkpoint.save({"iteration": 1})

    def full(state, file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"No space left on device: .*run\.checkpoint"):
        checkpoint.save({"iteration": 2})
    assert [file.name for file in tmp_path.iterdir()] == ["run.checkpoint"]
    assert checkpoint.load(CPU) == {"iteration": 1}


def test_a_checkpoint_that_cannot_be_read_is_not_resumed(tmp_path, caplog):
    (tmp_path / "run.checkpoint").write_bytes(b"half of a file")
    assert Checkpoint(tmp_path / "run.checkpoint", "a").load(CPU) is None
    assert "cannot be read" in caplog.text


def test_a_checkpoint_is_removed_with_what_killed_runs_left(tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint", "a")
    checkpoint.save({"iteration": 1})
    (tmp_path / f".{files.HOST}.{2**22 + 1}.{checkpoint.path.name}").write_bytes(b"half")  # no process has that number
    (tmp_path / "best.safetensors").write_bytes(b"")
    checkpoint.remove()
    assert [file.name for file in tmp_path.iterdir()] == ["best.safetensors"]


def test_a_loss_that_is_not_finite_stops_with_the_checkpoint_before(maps, tmp_path, monkeypatch):
    run_step = training.Run.step

    def spoilt(run):
        if run.iteration == 3:
            with torch.no_grad():
                next(run.network.parameters()).fill_(float("nan"))
        run_step(run)

    monkeypatch.setattr(training.Run, "step", spoilt)
    checkpoint = Checkpoint(tmp_path / "run.checkpoint", "a")
    with pytest.raises(UserError, match="training loss is not finite at iteration 4: loss nan, noise nan") as error:
        train(DENOISER | {"iterations": 8}, maps, checkpoint)
    assert "lower learning_rate (now 0.001)" in str(error.value)
    assert checkpoint.load(CPU)["iteration"] == 2


def test_weights_that_are_not_finite_are_never_saved(maps, tmp_path):
    run = training.Run(DENOISER, *maps, seed=1, device=CPU)
    run.check_weights()
    with torch.no_grad():
        next(run.network.parameters())[0] = float("inf")
    with pytest.raises(UserError, match="a weight is not finite after iteration 0"):
        run.check_weights()


def test_the_average_of_constant_weights_is_those_weights():
    network = torch.nn.Linear(3, 2)
    averaged = copy.deepcopy(network)
    for iteration in range(1, 20):
        MovingAverage(averaged, network, 0.99).update(iteration)
    assert torch.allclose(averaged.weight, network.weight)


@pytest.mark.parametrize(
    ("iteration", "decay", "used"), [(1, 0.9, 2 / 11), (1000, 0.9, 0.9), (1000, 0.9999, 1001 / 1010)]
)
def test_the_average_moves_by_what_the_decay_leaves(iteration, decay, used):
    network, averaged = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    before = averaged.weight.item()
    MovingAverage(averaged, network, decay).update(iteration)
    assert averaged.weight.item() == pytest.approx(used * before + (1 - used) * network.weight.item(), rel=1e-4)


def test_validation_is_the_same_every_time(maps):
    run = training.Run(DENOISER, *maps, seed=1, device=CPU)
    run.validate()
    run.validate()
    assert run.losses[1]["loss"] == run.losses[3]["loss"]


def test_best_is_the_lowest_validation_loss(maps, tmp_path):
    trained = train(DENOISER | {"iterations": 12, "learning_rate": 0.05}, maps, Checkpoint(tmp_path / "run", "a"))
    validation = {row["iteration"]: row["loss"] for row in trained.losses if row["part"] == "validation"}
    assert list(validation) == [2, 4, 6, 8, 10, 12]
    assert trained.best_iteration == min(validation, key=validation.get)


@pytest.mark.parametrize(
    ("length", "every", "expected"),
    [
        ({"iterations": 5}, 2, [2, 4, 5]),
        ({"iterations": 5}, None, [5]),
        ({"iterations": None, "epochs": 3}, None, [2, 4, 6]),
        ({"iterations": None, "epochs": 3}, 1, [2, 4, 6]),
        ({"iterations": None, "epochs": 3}, 2, [4, 6]),
    ],
)
def test_validations_are_counted_in_the_unit_of_the_length(length, every, expected, maps, monkeypatch, tmp_path):
    """As published, MUNet validates after every epoch; six maps in batches of three are epochs of two iterations."""
    validated = []
    monkeypatch.setattr(training.Run, "validate", lambda run: validated.append(run.iteration))
    monkeypatch.setattr(training.Run, "step", lambda run: setattr(run, "iteration", run.iteration + 1))
    train(MUNET | length | {"validate_every": every}, maps, Checkpoint(tmp_path / "run", "a"))
    assert validated == expected


def test_training_lowers_the_loss_on_the_maps_it_sees(maps, tmp_path):
    """A tenth of the untrained network's loss is left whatever the seed, so no rounding decides."""
    settings = DENOISER | {"iterations": 12, "validate_every": 12, "learning_rate": 1e-2}
    untrained = training.Run(settings, maps[0], maps[0], seed=1, device=CPU)
    untrained.validate()
    trained = train(settings, [maps[0], maps[0]], Checkpoint(tmp_path / "run", "a"))
    assert trained.losses[-1]["loss"] < 0.5 * untrained.losses[-1]["loss"]


def test_linear_decay_ends_at_zero_and_halving_halves():
    linear = MUNET | {"iterations": 10, "decay": "linear"}
    rates = [learning_rate(linear, iteration, 6) for iteration in range(11)]
    assert rates == pytest.approx([1e-2 * (1 - i / 10) for i in range(11)])
    halve = MUNET | {"iterations": None, "epochs": 6, "batch_size": 4, "decay": "halve", "halve_epochs": 2}
    assert total_iterations(halve, maps=7) == 12
    assert [learning_rate(halve, i, 7) for i in range(0, 12, 2)] == [1e-2, 1e-2, 5e-3, 5e-3, 2.5e-3, 2.5e-3]


def test_the_configurations_shipped_hold_settings_that_training_takes(repository):
    for name in ("config", "demo"):
        configuration = Configuration.read(repository / "config" / f"{name}.yaml")
        for network in configuration.networks:
            assert total_iterations(configuration.network(network, None), maps=100) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0, expected at least 1"),
        ({"batch_size": 2.0}, "batch_size is 2.0, expected integer"),
        ({"learning_rate": "fast"}, 'learning_rate is "fast", expected number'),
        ({"learning_rate": 0}, "learning_rate is 0, expected above 0"),
        ({"learning_rate": float("inf")}, "learning_rate is Infinity, expected number"),
        ({"epochs": 3}, "either iterations or epochs"),
        ({"iterations": None}, "either iterations or epochs"),
        ({"adam_betas": [0.5]}, r"adam_betas is \[0.5\], expected at least 2 entries"),
        ({"adam_betas": [0.5, 1]}, r"adam_betas.1 is 1, expected below 1"),
        ({"decay": "cosine"}, 'decay is "cosine", expected one of none, linear, halve'),
        ({"decay": "halve"}, "halve_epochs is null and decay is halve: decay halve needs a number of epochs"),
        ({"halve_epochs": 3}, "halve_epochs is 3 and decay is none"),
        ({"ema": 1.0}, "ema is 1.0, expected below 1"),
        ({"validate_every": 0}, "validate_every is 0"),
        ({"validate_every": 5}, "validate_every is 5 iterations, .*but iterations is 4"),
        ({"iterations": None, "epochs": 100, "validate_every": 1000}, "validate_every is 1000 epochs, .*epochs is 100"),
        ({"learningrate": 1}, "learningrate is not a known key: did you mean learning_rate?"),
        ({"architecture": "munett"}, 'architecture "munett" is not known: did you mean munet?'),
        ({"objective": "adverse"}, 'objective "adverse" is not known: did you mean adversarial?'),
        ({"objective": "noise_prediction"}, "alpha is not a known key"),
        ({"alpha": 1.5}, "alpha is 1.5, expected at most 1"),
        ({"channels": True}, "channels is true, expected integer"),
    ],
)
def test_bad_settings_name_key_value_and_what_is_allowed(change, message):
    with pytest.raises(UserError, match=message):
        network_settings(MUNET.plain() | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 8}, "channels is 8, expected array"),
        ({"channels": [8, 7]}, "channels.1 is 7, expected a multiple of 2"),
        ({"residual_blocks": 0}, "residual_blocks is 0, expected at least 1"),
        ({"attention_at": [48]}, "attention_at.0 is 48, expected one of 64, 32, 16, 8, 4, 2, 1"),
        ({"attention_at": [16]}, "attention_at holds 16, expected map sizes of levels: 64, 32"),
        ({"heads": 3}, "heads is 3, expected a divisor of the channels .*, also of 8"),
        ({"upscaling_factor": "yes"}, 'upscaling_factor is "yes", expected boolean'),
        ({"normalisation": "batch"}, 'normalisation is "batch", expected one of group, instance'),
        ({"diffusion_steps": 0}, "diffusion_steps is 0, expected at least 1"),
        ({"ema": float("nan")}, "ema is NaN, expected number, null"),
    ],
)
def test_bad_settings_of_a_denoiser_are_named_too(change, message):
    with pytest.raises(UserError, match=message):
        network_settings(DENOISER.plain() | change)


def test_an_architecture_learns_its_own_objective():
    shared = {key: value for key, value in MUNET.plain().items() if key not in ("alpha", "distance", "objective")}
    with pytest.raises(UserError, match="objective is noise_prediction, but the architecture munet learns regression"):
        network_settings(shared | {"objective": "noise_prediction"})


def test_weights_say_what_they_are(tmp_path):
    network = torch.nn.Linear(2, 1)
    facts = {
        "settings": {"architecture": "x"}, "fold": 2, "protocol": "clean", "sizes": [8], "metabolites": ["tCr"],
        "scale_factors": [[1.5], [1.25]],
    }  # fmt: skip
    path = tmp_path / "a.safetensors"
    Weights(network.state_dict(), iteration=7, **facts).save(path)
    held = Weights.load(path)
    assert {name: getattr(held, name) for name in facts} == facts and held.iteration == 7
    assert torch.equal(held.tensors["weight"], network.weight)
    with pytest.raises(UserError, match="do not fit"):
        held.load_into(torch.nn.Linear(3, 1), path)


def test_foreign_weights_are_refused(tmp_path):
    with pytest.raises(UserError, match="no weights at"):
        Weights.load(tmp_path / "none.safetensors")
    for name, save in (
        ("pickle", lambda path: torch.save({"a": 1}, path)),
        ("text", lambda path: path.write_text("{}")),
    ):
        save(tmp_path / name)
        with pytest.raises(UserError, match="cannot be read as weights of a network"):
            Weights.load(tmp_path / name)
