"""Laws of the qualitative figure: which map it shows, what it says of it, and how the head lies."""

from dataclasses import replace

import evaluated
import numpy as np
import pytest
from tiny_cohort import participant, truncate

from mrsi_sr.cli import UserError
from mrsi_sr.report.figures import qualitative
from mrsi_sr.settings.experiment import MOST_PANELS, FigureSettings

ANYTHING = FigureSettings.of()


@pytest.fixture
def truths():
    """Two participants; the second has a lesion, largest in its slice 11."""
    with_lesion = participant("sub-2", seed=2)
    with_lesion.lesion[0, 7:9, 7:9] = True
    with_lesion.lesion[1, 6:10, 6:10] = True
    return [with_lesion, participant("sub-1", seed=1)]


def chosen(truths, **settings):
    truth, s, m = qualitative.choose(truths, FigureSettings.of(**settings))
    return truth.participant, int(truth.slices[s]), truth.metabolites[m]


def test_the_largest_lesion_is_shown_in_choline_when_nothing_is_asked_for(truths):
    assert chosen(truths) == chosen(truths[::-1]) == ("sub-2", 11, "tCho")


def test_what_is_asked_for_is_shown_and_the_rest_chosen(truths):
    assert chosen(truths, metabolite="tCr") == ("sub-2", 11, "tCr")
    assert chosen(truths, slice=10) == ("sub-2", 10, "tCho")
    assert chosen(truths, participant="sub-1", slice=12, metabolite="tCr") == ("sub-1", 12, "tCr")


def test_without_a_lesion_the_slice_with_the_most_brain_is_shown():
    truth = participant("sub-1", seed=1)
    brain = truth.brain.copy()
    brain[2, :2] = True
    assert chosen([replace(truth, brain=brain)]) == ("sub-1", 12, "tCho")


def test_a_metabolite_without_a_valid_voxel_is_not_chosen(truths):
    truths[0].valid[1, 1] = False
    assert chosen(truths) == ("sub-2", 11, "tCr")


def test_a_map_that_is_not_there_is_named_with_what_is(truths):
    with pytest.raises(UserError, match="no map of participant sub-2, slice 40") as error:
        chosen(truths, participant="sub-2", slice=40)
    assert "sub-2 (slices 10-12)" in str(error.value)


def test_the_zero_filled_panel_is_the_measured_low_resolution_map(truths, tmp_path):
    truth = truths[0]
    path = truncate(truth, tmp_path / "low.npz", "clean", [8, 16])
    full = qualitative.zero_filled(path, truth, 1, 0, ANYTHING | {"size": 16})
    low = qualitative.zero_filled(path, truth, 1, 0, ANYTHING | {"size": 8})
    assert full.nrmse < low.nrmse < 1
    assert not np.any(low.map[~truth.valid[1, 0]])
    with pytest.raises(UserError, match="no low-resolution size 6"):
        qualitative.zero_filled(path, truth, 1, 0, ANYTHING | {"size": 6})


def test_the_caption_says_what_is_shown(truths):
    settings = FigureSettings.of(size=4, experiment="demo", fold=2, phantom=True)
    text = qualitative.caption(truths[0], 1, 1, settings)
    for fact in ("sub-2", "slice 11", "tCho", "4×4 to 16×16", "upscaling factor 4", "demo", "fold 2", "clean", "lesion",
                 "phantom", "inside the quality mask"):  # fmt: skip
        assert fact in text
    assert "lesion" not in qualitative.caption(truths[1], 1, 1, settings)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return evaluated.write(tmp_path_factory.mktemp("cohort"))


def compose(cohort, sampled=("munet", "zero_filled"), **settings):
    folders = [cohort["samples"][method, 1] for method in sampled]
    settings = FigureSettings.of(**{"size": 4, "labels": {"munet": "MUNet"}} | settings)
    return qualitative.compose(folders, cohort["slices"], cohort["low_resolution"], settings)


def test_the_zero_filled_map_stands_first_and_is_measured_where_no_method_is(cohort):
    assert [panel.label for panel in compose(cohort).panels] == ["zero_filled", "MUNet"]
    assert [panel.label for panel in compose(cohort, ["munet"]).panels] == ["Zero-filled", "MUNet"]


def test_a_panels_nrmse_is_the_tables(cohort):
    from mrsi_sr.evaluation.samples import Samples, evaluate

    picture = compose(cohort)
    name, k = picture.truth.participant, picture.truth.slices[picture.s]
    table = evaluate(
        Samples.load(cohort["samples"]["munet", 1] / f"{name}.npz"), picture.truth, "clean", ["nrmse"], {}
    ).query(f"slice == {k} and metabolite == 'tCho' and size == 4 and region == 'mask'")
    assert table.query("metric == 'nrmse'").value.tolist() == [pytest.approx(picture.panels[1].nrmse)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 6}, "no map of slice 11, tCho, size 6"),
        ({"metabolite": "GABA"}, "with metabolites tCr, tCho"),
        ({"methods": ["munet", "ddpm"]}, "no samples of method ddpm"),
        ({"protocol": "paper"}, "sampled in the protocol 'clean'"),
    ],
)
def test_what_cannot_be_shown_is_said(cohort, settings, message):
    with pytest.raises(UserError, match=message):
        compose(cohort, **settings)


@pytest.mark.parametrize(("first_axis", "convention"), [(3.4, "Neurological"), (-3.4, "Radiological")])
def test_the_caption_tells_on_which_side_left_is(truths, first_axis, convention):
    truth = replace(truths[0], affine=np.diag([first_axis, 3.4, 3.4, 1]))
    assert convention in qualitative.caption(truth, 0, 0, ANYTHING)


def test_the_front_of_the_head_is_up_however_the_scan_is_stored(truths):
    image = np.arange(256.0).reshape(16, 16)
    seen = [
        qualitative._crop(qualitative.Picture(replace(truths[0], affine=np.diag([1, y, 1, 1])), 0, 0, [], ""), image)
        for y in (1, -1)
    ]
    assert np.array_equal(seen[0], seen[1][:, ::-1])


def test_map_and_mri_show_the_same_part_of_the_head(truths):
    picture = qualitative.Picture(truths[0], 0, 0, [], "")
    image = np.random.default_rng(0).random((16, 16))
    fine = np.kron(image, np.ones((3, 3)))
    assert np.array_equal(
        np.kron(qualitative._crop(picture, image), np.ones((3, 3))), qualitative._crop(picture, fine, 3)
    )


def test_a_label_and_a_unit_are_words_and_no_formula(truths, tmp_path):
    label = "$\\frac$ _{x}^"
    truth = replace(truths[0], unit=label)
    panel = qualitative.Panel(label, truth.maps[0, 0], 0.1)
    picture = qualitative.Picture(truth, 0, 0, [panel], f"Caption of {label}.")
    qualitative.draw(picture, tmp_path / "figure.png", tmp_path / "figure.pdf")
    assert (tmp_path / "figure.png").stat().st_size and (tmp_path / "figure.pdf").stat().st_size


@pytest.mark.slow
def test_as_many_methods_as_a_figure_may_have_are_drawn(truths, tmp_path):
    panels = [qualitative.Panel(f"method {k} with a long name", truths[0].maps[0, 0], 0.1) for k in range(MOST_PANELS)]
    picture = qualitative.Picture(truths[0], 0, 0, panels, "Caption.")
    qualitative.draw(picture, tmp_path / "figure.png", tmp_path / "figure.pdf")
    assert (tmp_path / "figure.png").stat().st_size
