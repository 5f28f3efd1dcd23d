"""Laws of the scores that a figure is drawn of: those of its methods, checked as a table's are."""

import json

import long_scores
import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.report.figures import scored
from mrsi_sr.settings.report import FigureSettings

TWO = {"ddpm": {"nfe": 1000}, "ftddm": {"nfe": 101}}
LINES = [{"label": "DDPM", "methods": ["ddpm"]}, {"label": "FTDDM", "methods": ["ftddm"]}]
FIGURE = {"kind": "curves", "lines": LINES, "x": "nfe", "metrics": ["ssim"], "pool_sizes": True}
HALF = {"participants": 1, "slices": None, "metabolites": None}


def value(each):
    return 0.5 + 0.1 * (each.method == "ftddm") + each.size / 100 + int(each.participant[-1]) / 1000


def read(folder, methods=TWO, value=value, figure=FIGURE, settings=None, **how):
    files, records = long_scores.write(folder, methods, value, metrics=("ssim",), **how)
    keys = {"experiment": "demo", "cohort": "toys", "folds": [1, 2], "folds_in_all": 5} | (settings or {})
    return scored.read(files, records, FigureSettings.of(figure=figure, **keys))


def test_values_are_those_of_the_files_and_nfe_that_of_the_records(tmp_path):
    shown = read(tmp_path)
    assert shown.values.groupby("method").value.mean().to_dict() == pytest.approx({"ddpm": 0.6205, "ftddm": 0.7205})
    assert [shown.nfe(method) for method in shown.methods] == [1000, 101]
    assert [shown.factor(size) for size in (8, 24)] == ["8", "2.7"]


def test_the_origin_says_where_the_scores_come_from_and_its_fingerprint_is_that_of_what_is_shown(tmp_path):
    shown = read(tmp_path)
    for fact in ("Experiment demo", "protocol clean", "cohort toys", "folds 1, 2 of 5", "training seed 1",
                 "4 participants", "8 maps"):  # fmt: skip
        assert fact in shown.origin
    alone = {"kind": "curves", "lines": LINES[1:], "x": "nfe", "metrics": ["ssim"]}
    assert read(tmp_path, figure=FIGURE | {"title": "Another"}).origin == shown.origin
    assert read(tmp_path, figure=alone).origin.split("Configuration")[1] != shown.origin.split("Configuration")[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"figure": FIGURE | {"lines": [{"label": "TDPM", "methods": ["tdpm"]}]}}, "the files are of ddpm, ftddm"),
        ({"figure": FIGURE | {"sizes": [12]}}, "no size 12"),
        ({"settings": {"folds": [1, 2, 3]}}, "of 2 of the figure's methods, .*\n  ddpm, fold 3, seed 1: missing\n"),
        ({"settings": {"expected": {"ftddm": {"1": "another"}}}}, "other settings than the configuration"),
        ({"value": lambda each: None if (each.method, each.size) == ("ftddm", 8) else 1}, "ftddm has no values"),
        ({"settings": {"protocol": "paper"}}, "not of the protocol 'paper'"),
        ({"settings": {"experiment": "another"}}, "not of the experiment 'another'"),
    ],
)  # fmt: skip
def test_what_a_table_refuses_a_figure_refuses_too(changes, said, tmp_path):
    with pytest.raises(UserError, match=said):
        read(tmp_path, **changes)


def test_folds_of_different_settings_are_refused(tmp_path):
    files, records = long_scores.write(tmp_path, TWO, value, metrics=("ssim",))
    changed = json.loads(records[-1].read_text())
    changed["sampling_settings"]["sampler"]["temperature"] = 0.5
    records[-1].write_text(json.dumps(changed))
    with pytest.raises(UserError, match="the folds of ftddm were made with different settings"):
        scored.read(files, records, FigureSettings.of(figure=FIGURE))


def test_folds_of_another_number_of_evaluations_are_refused(tmp_path):
    files, records = long_scores.write(tmp_path, TWO, value, metrics=("ssim",))
    records[-1].write_text(json.dumps(json.loads(records[-1].read_text()) | {"nfe": 50}))
    with pytest.raises(
        UserError, match="ftddm differs between folds in its number of network evaluations: 101 in fold 1"
    ):
        scored.read(files, records, FigureSettings.of(figure=FIGURE))


def test_methods_are_compared_on_the_maps_that_they_share_where_one_declares_a_subset(tmp_path):
    def sampled(each):
        return None if each.method == "ddpm" and each.participant[-1] == "1" else value(each)

    shown = read(tmp_path, TWO | {"ddpm": {"nfe": 1000, "subset": HALF}}, sampled)
    assert set(shown.values.participant) == {"sub-10", "sub-20"} and "2 participants" in shown.origin
    assert shown.values.groupby("method").value.mean().to_dict() == pytest.approx({"ddpm": 0.62, "ftddm": 0.72})
    with pytest.raises(UserError, match="ddpm has no values"):
        read(tmp_path, TWO, sampled)


def test_a_subset_hides_no_missing_fold(tmp_path):
    def sampled(each):
        return None if each.method == "ddpm" and each.participant[-1] == "1" else value(each)

    files, records = long_scores.write(tmp_path, TWO | {"ddpm": {"subset": HALF}}, sampled, metrics=("ssim",))
    with pytest.raises(UserError, match="ddpm"):
        scored.read(files[1:], records[1:], FigureSettings.of(figure=FIGURE))


def test_subsets_without_a_common_map_are_refused(tmp_path):
    def sampled(each):
        return value(each) if (each.method == "ddpm") == (each.participant[-1] == "1") else None

    with pytest.raises(UserError, match="have no map in common"):
        read(tmp_path, {name: own | {"subset": HALF} for name, own in TWO.items()}, sampled)


def test_terms_that_move_a_score_are_said_of_methods_without_a_sweep(tmp_path):
    warm = {"sampler": {"kind": "ancestral", "temperature": 0.9}}
    sweep = {"key": "temperature", "values": [0, 1]}
    cold = {"sampler": {"kind": "ancestral", "temperature": 0.5}}
    methods = {"ddpm": warm, "ftddm": {"points": ["0", "1"], "sweep": sweep, **cold}}
    figure = FIGURE | {"lines": [LINES[0], {"label": "FTDDM", "methods": ["ftddm@0", "ftddm@1"]}]}
    shown = read(tmp_path, methods, figure=figure, settings={"labels": {"ddpm": "DDPM"}})
    assert shown.notes == "Settings: temperature 0.9."
