"""Laws of sweeps, subsets, and conditions that name another size or metabolite."""

import re

import numpy as np
import pytest
import torch
from tiny_cohort import FRAME, participant
from tiny_methods import method_of, sample

from mrsi_sr.cli import UserError
from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.condition import Condition
from mrsi_sr.sampling.conditioned import conditioned_on
from mrsi_sr.scan.subset import participants_in, usable
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.subset import Subset

pytestmark = pytest.mark.usefixtures("one_thread")
TEMPERATURES = [0.0, 0.5, 1.0]


def swept(**sweep) -> dict:
    return {"sweep": {"key": "temperature", "values": TEMPERATURES} | sweep}


def test_a_point_has_the_maps_of_a_method_with_that_value_from_the_same_noise(tmp_path):
    arrays = sample(method_of("ddpm", tmp_path, **swept()), tmp_path)
    assert list(dict.fromkeys(arrays["point"].tolist())) == ["0", "0.5", "1"]
    alone = sample(method_of("ddpm", tmp_path, **swept(values=[0.5, 2.0])), tmp_path)
    ours, theirs = (each["maps"][each["point"] == "0.5"] for each in (arrays, alone))
    assert len(ours) == 3 * 2 * 2 and np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
    assert not np.allclose(ours, arrays["maps"][arrays["point"] == "1"])


def test_the_nearest_sizes_alone_are_conditions_of_a_map(tmp_path):
    method = method_of("munet", tmp_path, **swept(key="conditioned_size", values=[4, 6, 8, 10], nearest=2))
    arrays = sample(method, tmp_path)
    pairs = set(zip(arrays["size"].tolist(), arrays["point"].tolist(), strict=True))
    assert pairs == {(4, "4"), (4, "6"), (8, "6"), (8, "8")}


def condition(size: int) -> Condition:
    torch.manual_seed(size)
    truncation, maps = Truncation("clean", FRAME), torch.rand(2, 1, FRAME, FRAME)
    kspace, sizes = truncation.measure(maps, size), torch.tensor([size, size])
    mri = torch.rand(2, 3, 3 * FRAME, 3 * FRAME)
    return Condition(
        truncation.image(kspace), kspace, truncation, torch.ones_like(maps), mri, mri, sizes, torch.tensor([0, 1])
    )


def test_another_condition_changes_what_networks_read_and_not_the_measurement():
    own = condition(8)
    other = conditioned_on(own, 4, 1)
    assert other.size.tolist() == [4, 4] and other.metabolite.tolist() == [1, 1]
    assert other.upscaling_factor.tolist() == [FRAME / 4] * 2
    x = torch.rand(2, 1, FRAME, FRAME)
    for each in (other, other.select([1, 0]).select([1, 0]), other.repeat(2).select([0, 2])):
        assert torch.equal(each.consistent(x), own.consistent(x))
        assert torch.equal(each.residual(x), own.residual(x))
    assert conditioned_on(own, None, None) is own


def test_the_own_size_as_condition_changes_nothing(tmp_path):
    plain = sample(method_of("munet", tmp_path), tmp_path)
    named = sample(method_of("munet", tmp_path, **swept(key="conditioned_size", values=[4, 8], nearest=1)), tmp_path)
    order = np.lexsort([named["size"], named["metabolite"], named["slice"]])
    own = np.lexsort([plain["size"], plain["metabolite"], plain["slice"]])
    assert named["size"][order].tolist() == plain["size"][own].tolist()
    assert np.abs(named["maps"][order] - plain["maps"][own]).max() <= 1e-5 * np.abs(plain["maps"]).max()


def test_a_metabolite_that_networks_do_not_know_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"conditions on the metabolite GABA, but .*trained on tCr, tCho"):
        method_of("munet", tmp_path, **swept(key="conditioned_metabolite", values=["tCr", "GABA"]))


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"key": "tau"}, "sweep.key is tau, expected one of .*temperature"),
        ({"key": "kind"}, "sweep.key is kind"),
        ({"values": [1.0, -1.0]}, "sweep.values are not all allowed.*temperature is -1"),
        ({"values": [1.0, 1.0000001]}, "values that differ"),
        ({"nearest": 2}, "sweep.nearest is given, but the key is temperature"),
    ],
)
def test_what_no_sampler_can_sweep_is_refused(sweep, message):
    settings = {"sampler": {"kind": "ancestral"}, "networks": {"denoiser": "ddpm"}}
    with pytest.raises(UserError) as error:
        MethodSettings.of(**settings, **swept(**sweep))
    assert re.search(message, " ".join(str(error.value).split()))


@pytest.fixture
def scans():
    """Three participants; the second has the largest lesion, in its slices 11 and 12."""
    made = {f"sub-{k}": participant(f"sub-{k}", k) for k in (1, 2, 3)}
    made["sub-2"].lesion[1, 6:10, 6:10] = True
    made["sub-2"].lesion[2, 6:8, 6:8] = True
    made["sub-3"].lesion[0, 6:7, 6:8] = True
    return made


def test_a_subset_begins_with_the_largest_lesions(scans):
    assert participants_in(Subset.of(participants=1), scans) == ["sub-2"]
    assert participants_in(Subset.of(participants=2), scans) == ["sub-2", "sub-3"]
    assert participants_in(Subset.of(), scans) == list(scans)
    with pytest.raises(UserError, match="participants is 4, but 3 participants are tested"):
        participants_in(Subset.of(participants=4), scans)
    used, _ = usable(scans["sub-2"], "clean", Subset.of(slices=2, metabolites=["tCho"]))
    assert used.tolist() == [[False, False], [False, True], [False, True]]
    with pytest.raises(UserError, match=r"subset\.metabolites.* \"GABA\""):
        usable(scans["sub-1"], "clean", Subset.of(metabolites=["GABA"]))


def test_a_method_samples_its_subset_alone(tmp_path):
    arrays = sample(method_of("zero_filled", tmp_path, subset={"slices": 1, "metabolites": ["tCho"]}), tmp_path)
    rows = zip(*(arrays[key].tolist() for key in ("slice", "metabolite", "size")), strict=True)
    assert len({slice_ for slice_, *_ in rows}) == 1
    assert set(arrays["metabolite"]) == {"tCho"} and arrays["size"].tolist() == [4, 8]
