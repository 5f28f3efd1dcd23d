"""Laws of the table: right numbers, best in bold, nothing mixed, and every format says where it comes from."""

import re

import numpy as np
import pandas as pd
import pytest
from scored import RECORDS, SETTINGS, build, cell, latex, long_table, markdown, record
from tiny_cohort import MUNET

from mrsi_sr.cli import UserError
from mrsi_sr.report import layout, tables
from mrsi_sr.report.caption import terms


@pytest.fixture
def table():
    return build(long_table(), RECORDS, SETTINGS)


def test_a_cell_is_mean_and_population_deviation_over_maps_with_samples_averaged_first(table):
    chosen = long_table().query("method == 'munet' and metric == 'nrmse' and size == 8")
    maps = chosen.groupby(["participant", "slice"]).value.mean()
    assert len(maps) == 6
    assert cell(table, "munet", "nrmse", 8) == f"{maps.mean():.3f}±{maps.std(ddof=0):.3f}"


def test_the_best_is_the_lowest_nrmse_and_the_highest_psnr_and_ssim(table):
    assert table.best == {("munet", metric, size) for metric in ("nrmse", "psnr", "ssim") for size in (8, 16)}


def test_methods_that_print_the_same_are_both_best():
    equal = long_table()
    equal["value"] = 0.3
    table = build(equal, RECORDS, SETTINGS)
    assert len(table.best) == 2 * 3 * 2


def test_a_single_method_is_not_in_bold():
    table = build(long_table(["munet"]), RECORDS, SETTINGS | {"methods": ["munet"]})
    assert table.best == set() and "**" not in markdown(table)


def test_csv_has_one_row_per_method_and_size_with_numbers_in_columns_of_their_own(table):
    csv = tables.csv(table)
    assert len(csv) == 4 and csv.upscaling_factor.tolist() == [8, 4, 8, 4]
    munet = csv[csv.method == "munet"].iloc[0]
    assert munet.parameters == 967_601 and munet.seconds_per_slice == pytest.approx(0.075) and munet.maps == 6
    assert f"{munet.nrmse_mean:.3f}±{munet.nrmse_sd:.3f}" == cell(table, "munet", "nrmse", 8)


def test_a_caption_says_where_participants_are_no_test_participants(table):
    assert "; 2 participants, 6 maps" in table.caption
    records = [each | {"sampling_settings": each["sampling_settings"] | {"part": "validation"}} for each in RECORDS]
    assert "; 2 validation participants, 6 maps" in build(long_table(), records, SETTINGS).caption


def test_a_caption_says_which_maps_are_means_of_draws(table):
    assert "draws" not in table.caption
    own = [each["sampling_settings"] | {"draws": 8 if each["method"] == "munet" else 1} for each in RECORDS]
    records = [each | {"sampling_settings": changed} for each, changed in zip(RECORDS, own, strict=True)]
    assert "mean of 8 draws (MUNet & co_1)" in build(long_table(), records, SETTINGS).caption


@pytest.mark.parametrize("write", [markdown, latex])
def test_the_caption_says_where_the_figures_come_from(table, write):
    text = re.sub(r"\\(.)", r"\1", write(table))
    for fact in (
        "Table 1", "Experiment demo", "protocol clean", "inside the quality mask", "cohort toys",
        "phantom", "folds 1, 2 of 5", "2 participants", "6 maps", "population standard deviation", "on a CPU",
        "Configuration ",
    ):  # fmt: skip
        assert fact in text


def test_the_fingerprint_of_a_table_is_that_of_the_scores_it_shows_and_of_nothing_else():
    def fingerprint(changes=None, **settings):
        records = [record(each["method"], each["fold"], **(changes or {}).get(each["fold"], {})) for each in RECORDS]
        return build(long_table(), records, SETTINGS | settings).facts["configuration"]

    asked = fingerprint()
    assert fingerprint(title="Another") == asked == fingerprint({1: {"seconds_per_slice": 7.0}})
    assert fingerprint({1: {"made_from": {"slices.npz": "of another quality mask"}}}) != asked
    assert fingerprint({2: {"code": {"mrsi_sr/evaluation/metrics.py": "changed"}}}) != asked
    assert fingerprint(methods=["munet"]) != asked


def test_markdown_has_as_many_cells_in_every_row_and_the_best_in_bold(table):
    lines = [line for line in markdown(table).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1 and len(lines) == 4
    assert "NRMSE ↓ s=8" in lines[0] and "PSNR ↑ s=4" in lines[0] and "| 1 | 0.08 | 0.97 |" in lines[3]
    assert lines[3].count("**") == 12 and "**" not in lines[2]


def test_latex_has_booktabs_rules_balanced_rows_and_escaped_labels(table):
    text = latex(table)
    columns = 1 + 3 + 6
    body = [line for line in text.splitlines() if line.endswith("\\\\")]
    # A \multicolumn of three stands for two separators more.
    assert [len(re.findall(r"(?<!\\)&", line)) + 2 * line.count("multicolumn") for line in body] == [columns - 1] * 4
    assert text.count("{") == text.count("}")
    assert re.findall(r"\\begin\{(.+?)\}", text) == re.findall(r"\\end\{(.+?)\}", text)[::-1]
    for rule in ("\\toprule", "\\cmidrule(lr){5-7}", "\\cmidrule(lr){8-10}", "\\midrule", "\\bottomrule"):
        assert rule in text
    assert "MUNet \\& co\\_1" in text and body[3].count("\\textbf{") == 6 and "$\\pm$" in body[3]
    assert text.isascii()


def test_a_metric_that_is_not_available_says_so_and_has_no_best():
    lpips = long_table().query("metric == 'nrmse'").assign(metric="lpips_vgg", value=np.nan)
    why = {"settings": {"lpips_weights": {}, "lpips_reason": "no <network> here"}}
    records = [record | why for record in RECORDS]
    table = build(pd.concat([long_table(), lpips]), records, SETTINGS | {"metrics": ["nrmse", "lpips_vgg"]})
    assert "Not available is LPIPS (VGG): no <network> here." in table.caption
    assert cell(table, "munet", "lpips_vgg", 8) == "not available"
    assert "LPIPS (VGG) ↓ s=8" in markdown(table) and markdown(table).count("not available") == 4
    assert {metric for _, metric, _ in table.best} == {"nrmse"}


def test_a_method_that_lacks_a_fold_is_refused_with_the_files():
    lacking = long_table().query("not (method == 'munet' and fold == 2)")
    with pytest.raises(UserError, match="munet, fold 2, seed 1: missing") as error:
        build(lacking, RECORDS, SETTINGS)
    assert "snakemake --profile slurm results/demo/fold-2/metrics/munet.parquet\n" in str(error.value)


def test_other_folds_than_asked_for_are_refused():
    with pytest.raises(UserError, match="munet, fold 2, seed 1: missing"):
        build(long_table(folds=[1]), RECORDS, SETTINGS)


@pytest.mark.parametrize(("key", "value"), [("nfe", 100), ("parameters", 5)])
def test_folds_of_different_configurations_are_refused(key, value):
    records = [*RECORDS[:3], record("munet", 2, **{key: value})]
    with pytest.raises(UserError, match=f"munet differs between folds in {key}"):
        build(long_table(), records, SETTINGS)


def test_folds_of_different_settings_are_averaged_where_the_table_says_so_and_the_caption_says_what_differs():
    other = MUNET.plain() | {"channels": 4, "learning_rate": 2e-4}
    records = [*RECORDS[:3], record("munet", 2, networks={"network": other}, parameters=1_067_601)]
    with pytest.raises(UserError, match="set mix_folds: true in the table"):
        build(long_table(), records, SETTINGS)
    mixed = build(long_table(), records, SETTINGS | {"mix_folds": True})
    said = "Folds of different settings are averaged: networks.munet.channels is 2 in fold 1 and 4 in fold 2"
    assert (
        said in mixed.caption and "networks.munet.learning_rate is 0.01 in fold 1 and 0.0002 in fold 2" in mixed.caption
    )
    assert tables.csv(mixed).query("method == 'munet'").parameters.tolist() == [1_017_601] * 2
    equal = build(long_table(), RECORDS, SETTINGS | {"mix_folds": True})
    assert "Folds of different settings" not in equal.caption


def test_pooled_sizes_are_one_value_over_the_maps_of_all_sizes():
    table = build(long_table(), RECORDS, SETTINGS | {"pool_sizes": True, "more_decimals": 1})
    maps = long_table().query("method == 'munet' and metric == 'psnr'")
    maps = maps.groupby(["participant", "slice", "size"]).value.mean()
    assert len(maps) == 12
    assert cell(table, "munet", "psnr", "all") == f"{maps.mean():.2f}±{maps.std(ddof=0):.2f}"
    head, *_, munet = (line for line in markdown(table).splitlines() if line.startswith("|"))
    assert head.count("PSNR") == 1 and "s=" not in head and munet.count("**") == 6
    assert tables.csv(table)["size"].tolist() == ["all", "all"]
    assert "over maps of the sizes 8, 16 together" in table.caption and "upscaling factor;" not in table.caption
    text = latex(table)
    assert "\\multicolumn{3}{c}{2 sizes}" in text and "\\cmidrule(lr){5-7}" in text


def test_bold_is_decided_by_the_decimals_that_are_printed():
    close = long_table()
    close["value"] = np.where(close.method == "munet", 0.30004, 0.3)
    assert len(build(close, RECORDS, SETTINGS).best) == 12
    finer = build(close, RECORDS, SETTINGS | {"more_decimals": 2, "metrics": ["nrmse"]})
    assert finer.best == {("zero_filled", "nrmse", 8), ("zero_filled", "nrmse", 16)}


def test_training_time_is_that_of_all_networks_of_a_method_and_the_mean_over_folds():
    nine = {f"munet_{n}": {"seconds": 3600.0, "device": "a GPU"} for n in range(16, 34, 2)}
    records = [*RECORDS[:2], record("munet", 1, training=nine), record("munet", 2, training=nine | nine)]
    settings = SETTINGS | {"costs": ["training_hours", "parameters"]}
    table = build(long_table(), records, settings)
    assert tables.csv(table).training_hours.tolist() == [0, 0, 9, 9]
    lines = markdown(table).splitlines()
    assert lines[0].startswith("| Method | Train time (h) | Params (M) | NRMSE") and "| 9.0 | 0.97 |" in lines[3]
    assert "on a GPU" in table.caption and "per slice" not in table.caption
    usual = build(long_table(), RECORDS, settings)
    assert tables.csv(usual).training_hours.tolist() == [0, 0, 0.75, 0.75]


def test_a_network_without_a_record_of_its_training_leaves_the_time_open():
    unknown = record("munet", 1, training={"munet": {"seconds": None, "device": None}})
    table = build(long_table(), [*RECORDS[:2], unknown, RECORDS[3]], SETTINGS | {"costs": ["training_hours"]})
    lines = markdown(table).splitlines()
    assert "| 0 |" in lines[2] and "| not available |" in lines[3]


def chain(method: str, network: dict, **sampler) -> dict:
    """A record of scores of a chain with these settings."""
    settings = {
        "sampler": {"kind": "ancestral", "variance": "posterior"} | sampler,
        "networks": {"denoiser": method},
        "draws": 1,
    }
    return record("munet", 1, sampling_settings=settings, networks={"denoiser": network}) | {"method": method}


def test_the_caption_says_which_methods_differ_in_what_moves_a_score_by_itself():
    unet = {"architecture": "denoising_unet", "upscaling_factor": True}
    published = chain("ddpm", unet | {"upscaling_factor": False}, temperature=1.0, clip=[0.0, 1.0])
    ftddm = chain("ftddm", unet, temperature=0.9, clip=None)
    labels = {"ddpm": "DDPM", "ftddm": "FTDDM"}
    said = terms([published, ftddm], labels)
    assert "temperature 1 (DDPM), 0.9 (FTDDM)" in said and "variance of a step's noise posterior" in said
    assert "bounds of the estimated clean map [0, 1] (DDPM), none (FTDDM)" in said
    assert "U-Nets conditioned on the upscaling factor no (DDPM), yes (FTDDM)" in said
    assert "temperature 0.9; bounds of the estimated clean map none" in terms([ftddm], labels)
    deterministic = chain("ftddm", unet, solver="dpm_solver", temperature=0.9, clip=None)
    assert "temperature" not in terms([deterministic], labels)  # it has no effect there
    own = {"sampler": {"kind": "single_pass", "adversarial_weight": 0.03}, "draws": 1}
    single = record("munet", 1, sampling_settings=own)
    assert terms([single], {}) == "adversarial weight 0.03"
    plain = record("munet", 1)
    assert terms([plain], {}) == ""


def test_the_caption_has_the_terms_of_the_methods_that_the_table_shows():
    chains = [record(method, fold) for method in ("zero_filled", "munet") for fold in (1, 2)]
    for each in chains[2:]:
        each["sampling_settings"] = each["sampling_settings"] | {"sampler": {"kind": "flow", "temperature": 0.8}}
    assert "Settings: temperature 0.8." in build(long_table(), chains, SETTINGS).caption
    assert "Settings" not in build(long_table(), chains, SETTINGS | {"methods": ["zero_filled"]}).caption


def test_a_method_without_a_label_is_called_by_its_name():
    assert build(long_table(), RECORDS, SETTINGS | {"labels": {}}).rows.label.tolist() == [
        "zero_filled", "munet",
    ]  # fmt: skip


def test_a_missing_provenance_is_named():
    with pytest.raises(UserError, match="no provenance of munet, fold 2"):
        build(long_table(), RECORDS[:3], SETTINGS)


@pytest.mark.parametrize(
    ("parameters", "printed"),
    [(0, "0"), (967_601, "0.97"), (1_516_961, "1.5"), (32_989_761, "33.0"), (61_234, "0.061")],
)
def test_parameters_are_printed_in_millions(parameters, printed):
    assert layout.PRINTED["parameters"](parameters) == printed
