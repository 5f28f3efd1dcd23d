"""Laws of what a figure of maps shows: which maps are chosen, whose samples and scores they have, how it is kept."""

from dataclasses import replace

import evaluated
import numpy as np
import pytest
from shown_content import content, shown_map, shown_slice
from tiny_cohort import participant

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.samples import Samples
from mrsi_sr.report.figures import shown
from mrsi_sr.report.figures.choice import MapKey, choose
from mrsi_sr.report.figures.gathered import gather
from mrsi_sr.report.figures.shown import MEASURED
from mrsi_sr.report.figures.views import score_of
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.report import FigureSettings


@pytest.fixture
def truths():
    """Three participants; the second and third have lesions, the second the largest, in its slice 11."""
    made = {name: participant(name, seed) for seed, name in enumerate(("sub-1", "sub-2", "sub-3"))}
    made["sub-2"].lesion[0, 7:9, 7:9] = True
    made["sub-2"].lesion[1, 6:10, 6:10] = True
    made["sub-3"].lesion[2, 7:9, 7:9] = True
    return made


def every_map(truths, sizes=(4, 8)):
    return {
        MapKey(name, k, metabolite, size)
        for name, truth in truths.items()
        for k in truth.slices.tolist()
        for metabolite in truth.metabolites
        for size in sizes
    }


def chosen(truths, *maps, available=None):
    figure = FigureSettings.of(figure={"kind": "qualitative", "maps": [{"size": 8} | each for each in maps]}).figure
    return [key[:3] for key in choose(figure, every_map(truths) if available is None else available, truths)]


def test_the_largest_lesion_is_shown_in_choline_when_nothing_is_asked_for(truths):
    turned = dict(reversed(truths.items()))
    assert chosen(truths, {}) == chosen(turned, {}) == [("sub-2", 11, "tCho")]


def test_further_maps_are_of_further_participants_while_there_are_any(truths):
    found = chosen(truths, {}, {"metabolite": "tCr"}, {}, {})
    assert found[:2] == [("sub-2", 11, "tCho"), ("sub-3", 12, "tCr")]
    assert [name for name, *_ in found[2:]] == ["sub-1", "sub-2"]


def test_what_is_asked_for_is_shown_and_the_rest_chosen(truths):
    asked = {"participant": "sub-1", "slice": 12, "metabolite": "tCr"}
    assert chosen(truths, {"metabolite": "tCr"}, {"slice": 10}, asked) == [
        ("sub-2", 11, "tCr"), ("sub-3", 10, "tCho"), ("sub-1", 12, "tCr"),
    ]  # fmt: skip


def test_without_a_lesion_the_slice_with_the_most_brain_is_shown():
    truth = participant("sub-1", seed=1)
    brain = truth.brain.copy()
    brain[2, :2] = True
    assert chosen({"sub-1": replace(truth, brain=brain)}, {}) == [("sub-1", 12, "tCho")]


def test_only_maps_that_all_methods_have_are_chosen(truths):
    available = {key for key in every_map(truths) if key.participant == "sub-1" or key.metabolite == "tCr"}
    assert chosen(truths, {}, available=available) == [("sub-2", 11, "tCr")]
    available = {key for key in available if key.participant == "sub-1"}
    assert chosen(truths, {}, available=available)[0][0] == "sub-1"


def test_a_map_that_is_not_there_is_named_with_what_is(truths):
    with pytest.raises(UserError, match="no map of size 8, participant sub-2, slice 40") as error:
        chosen(truths, {"participant": "sub-2", "slice": 40})
    assert "slice 10, 11, 12" in str(error.value) and "metabolite tCho, tCr" in str(error.value)


def test_all_metabolites_are_of_the_slice_that_has_most_of_them_at_every_size(truths):
    def keys(available, **asked):
        figure = FigureSettings.of(figure={"kind": "metabolites", "method": "a", "sizes": [8, 4]} | asked).figure
        return choose(figure, available, truths)

    available = every_map(truths)
    assert keys(available) == [MapKey("sub-2", 11, name, size) for size in (8, 4) for name in ("tCr", "tCho")]
    assert keys(available, slice=12)[0] == MapKey("sub-2", 12, "tCr", 8)
    available -= {MapKey("sub-2", 11, "tCr", 4)}
    assert keys(available)[0] == MapKey("sub-2", 10, "tCr", 8)
    with pytest.raises(UserError, match=r"no map of size 8, sizes 8, 4 that all methods"):
        keys({key for key in available if key.size == 8})


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    made = evaluated.write(folder, methods=evaluated.METHODS | evaluated.FURTHER)
    return made | evaluated.score(made, folder / "scores")


def gathered(cohort, figure=None, sampled=None, **settings):
    figure = {"kind": "qualitative", "maps": [{"size": 4}]} | (figure or {})
    folders = [folder for (method, _), folder in cohort["samples"].items() if sampled is None or method in sampled]
    settings = FigureSettings.of(**{"figure": figure, "experiment": "toy"} | settings)
    return gather(
        folders, cohort["metrics"], cohort["provenance"], cohort["slices"], cohort["low_resolution"], settings
    )


def test_each_map_has_the_samples_and_the_ground_truth_of_its_slice_and_metabolite(cohort):
    each = gathered(cohort, {"maps": [{"size": 4}, {"size": 8, "participant": "sub-10", "metabolite": "tCr"}]}).maps[1]
    truth = ParticipantSlices.load(cohort["slices"][0])
    s = truth.slices.tolist().index(each.of_slice.slice)
    assert np.array_equal(each.truth, truth.maps[s, 0]) and np.array_equal(each.of_slice.flair, truth.flair[s, 1])
    for name, number in (("munet", 1), ("repeated", 4), ("sharpness@0", 1), ("sharpness@0.03", 1)):
        method, _, point = name.partition("@")
        samples = Samples.load(cohort["samples"][method, 1] / "sub-10.npz")
        wanted = (samples.slice == truth.slices[s]) & (samples.metabolite == "tCr") & (samples.size == 8)
        wanted &= samples.point == point
        assert each.samples[name].shape[0] == number
        assert np.array_equal(each.samples[name], samples.maps[wanted].astype(np.float32))


def test_a_maps_scores_are_those_of_the_metrics_files_of_its_first_sample(cohort):
    each = gathered(cohort).maps[0]
    table = scores.read(cohort["metrics"], "clean")
    table = table[(table.region == "mask") & (table["sample"] == 0) & (table["size"] == 4)]
    table = table[(table.participant == "sub-12") & (table.slice == 11) & (table.metabolite == "tCho")]
    expected = {(row.method, row.metric): row.value for row in table.itertuples()}
    assert {"sharpness@0", "sharpness@0.03", "repeated"} < {method for method, _ in expected}
    assert {key: value for key, value in each.scores.items() if key[0] != MEASURED} == pytest.approx(
        expected, nan_ok=True
    )
    assert score_of(each, "munet", "lpips_alex") == "n/a"


def test_the_zero_filled_map_is_measured_and_scored_where_no_method_is_that(cohort):
    with_method, without = gathered(cohort), gathered(cohort, sampled=["munet"])
    assert (with_method.facts.zero_filled, without.facts.zero_filled) == ("zero_filled", None)
    assert with_method.methods == ["munet", "sharpness@0", "sharpness@0.03", "repeated"] and without.methods == [
        "munet"
    ]
    low, full = (gathered(cohort, {"maps": [{"size": size}]}).maps[0] for size in (4, 8))
    assert full.scores[MEASURED, "nrmse"] < low.scores[MEASURED, "nrmse"] < 1
    assert not np.any(low.zero_filled[~low.valid])


def test_methods_are_in_the_order_of_the_figure_and_the_deviations_is_no_column(cohort):
    found = gathered(cohort, {"methods": ["sharpness@0.03", "munet"], "deviation": "repeated"})
    assert found.methods == ["sharpness@0.03", "munet"]
    assert found.maps[0].samples.keys() == {"sharpness@0.03", "munet", "repeated"}


@pytest.mark.parametrize(
    ("figure", "settings", "message"),
    [
        ({"maps": [{"size": 6}]}, {}, "no map of size 6 that all methods"),
        ({"maps": [{"metabolite": "GABA", "size": 4}]}, {}, "metabolite tCho, tCr"),
        ({"methods": ["munet", "sharpness@0.5"]}, {}, "no samples of method sharpness@0.5\n  available: zero_filled"),
        ({}, {"protocol": "paper"}, "in the protocol 'clean', the figure is of 'paper'"),
        ({"fold": 2}, {}, "in the fold '1', the figure is of '2'"),
        ({}, {"folds": [3]}, "in the fold '1', the figure is of '3'"),
        ({}, {"experiment": "other"}, "are not of the experiment 'other'"),
        (
            {},
            {"expected": {"munet": {"1": "another"}}},
            "was made with other settings than the configuration has for munet",
        ),
    ],
)
def test_what_cannot_be_shown_is_said(cohort, figure, settings, message):
    with pytest.raises(UserError) as error:
        gathered(cohort, figure, **settings)
    assert message in str(error.value)


def test_a_participant_without_samples_of_one_method_is_not_shown(tmp_path):
    made = evaluated.write(tmp_path)
    made |= evaluated.score(made, tmp_path / "scores")
    assert gathered(made).maps[0].of_slice.participant == "sub-12"
    folder = made["samples"]["munet", 1]
    (folder / "sub-12.npz").unlink()
    evaluated.record(folder, participants=["sub-10", "sub-11"])
    assert gathered(made).maps[0].of_slice.participant == "sub-10"


def test_scores_of_other_samples_are_refused(cohort, tmp_path):
    made = evaluated.write(tmp_path / "other", protocol="clean", participants=3)
    for path in made["samples"]["munet", 1].glob("*.npz"):
        arrays = dict(np.load(path))
        np.savez_compressed(path, **arrays | {"maps": arrays["maps"] * 1.1})
    evaluated.record(made["samples"]["munet", 1])
    with pytest.raises(UserError, match="the scores of munet were not made from"):
        gathered(cohort | {"samples": {("munet", 1): made["samples"]["munet", 1]}})
    with pytest.raises(UserError, match="no scores of munet, fold 1"):
        gathered(cohort | {"metrics": cohort["metrics"][:1], "provenance": cohort["provenance"][:1]}, sampled=["munet"])


def kept(tmp_path, **changes):
    one, other = shown_slice("sub-1"), shown_slice("sub-2", seed=2)
    maps = [shown_map(one, size=4), shown_map(one, "tCr", 8, ["munet", "flow@0.2"], samples=3), shown_map(other)]
    written = content("qualitative", maps, ["munet"])
    shown.write(written, tmp_path / "shown.npz")
    if changes:
        np.savez_compressed(tmp_path / "shown.npz", **dict(np.load(tmp_path / "shown.npz")) | changes)
    return written, tmp_path / "shown.npz"


def test_the_kept_file_gives_back_what_was_written(tmp_path):
    written, path = kept(tmp_path)
    found = shown.read(path)
    assert (found.methods, found.unit, found.facts) == (written.methods, written.unit, written.facts)
    assert found.maps[0].of_slice is found.maps[1].of_slice is not found.maps[2].of_slice
    for one, other in zip(written.maps, found.maps, strict=True):
        assert (one.name, one.size, one.samples.keys()) == (other.name, other.size, other.samples.keys())
        assert one.scores == other.scores
        pairs = [(one.samples[name], other.samples[name]) for name in one.samples]
        pairs += [(getattr(one, name), getattr(other, name)) for name in ("truth", "valid", "zero_filled", "inside")]
        pairs += [(getattr(one.of_slice, name), getattr(other.of_slice, name)) for name in ("t1", "flair", "affine")]
        assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": np.array([4])}, "its arrays differ in length"),
        ({"sample_of": np.array([9] * 8)}, "sample_of names what is not there"),
        ({"lesion": np.zeros((2, 4, 4), bool)}, r"lesion is \(4, 4\), expected \(16, 16\)"),
        ({"facts": np.array('{"kind": "qualitative"}')}, "protocol: Field required"),
        ({"truth": np.zeros((3, 16, 16), bool)}, "truth has 3 axes of type bool"),
    ],
)
def test_any_other_file_is_refused(tmp_path, changes, message):
    _, path = kept(tmp_path, **changes)
    with pytest.raises(UserError, match=message):
        shown.read(path)


def test_a_method_that_was_not_kept_is_named(tmp_path):
    with pytest.raises(UserError, match="no samples of ddpm for sub-1, slice 11, tCho"):
        kept(tmp_path)[0].maps[0].samples_of("ddpm")


def test_maps_and_mri_are_read_of_the_shown_participants_alone(tmp_path, monkeypatch):
    made = evaluated.write(tmp_path, participants=3, methods=["munet"])
    scored, load, read = evaluated.score(made, tmp_path), ParticipantSlices.load, []
    monkeypatch.setattr(ParticipantSlices, "load", lambda path: read.append(path) or load(path))
    asked = FigureSettings.of(figure={"kind": "qualitative", "maps": [{"size": 8}]}, protocol="clean")
    low = made["low_resolution"]
    found = gather(made["samples"].values(), scored["metrics"], scored["provenance"], made["slices"], low, asked)
    assert len(made["slices"]) == 3 and len(read) == 1
    assert found.maps[0].of_slice.participant in read[0].name
