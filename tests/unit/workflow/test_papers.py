"""The papers' tables, as config/papers.yaml plans them: each row on the terms that the papers name."""

import re

import pytest
import torch
import yaml

from mrsi_sr import networks
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.layers import layered

CHAINS = ("ancestral", "respaced", "dpm_solver", "tdpm", "ftddm")


@pytest.fixture(scope="module")
def papers(repository):
    return Configuration.resolve(layered(yaml.safe_load((repository / "config" / "config.yaml").read_text())))


def table(papers: Configuration, experiment: str, name: str):
    return papers.experiment(experiment).tables[name]


def millions(papers: Configuration, method: str) -> float:
    with torch.device("meta"):
        counts = [
            networks.count_parameters(networks.build(papers.network(name, None)))
            for name in papers.method(method).networks.values()
        ]
    return sum(counts) / 1e6


def test_the_rows_of_ftddms_table_1_have_the_papers_numbers_of_parameters(papers):
    rows = {papers.label(name): name for name in table(papers, "ftddm", "table1").methods}
    printed = {
        "MUNet-FS-cWGAN": 27.5, "DDPM (T=1000)": 30.3, "DDPM (Trespace=100)": 30.3, "DPM-Solver++ (Tsolver=100)": 30.3,
        "TDPM (Ttrunc=100)": 60.6, "FTDDM (Ttrunc=100)": 50.5,
    }  # fmt: skip
    assert {label: round(millions(papers, rows[label]), 1) for label in printed} == printed
    enhancer = millions(papers, rows["Flow Enhancer"]) - millions(papers, "filter_scaling_metabolite")
    assert enhancer == pytest.approx(37.6, rel=0.02)


def test_the_rows_of_the_multiscale_papers_table_1_have_its_numbers_of_parameters(papers):
    counts = [round(millions(papers, method), 1) for method in table(papers, "multiscale", "table1").methods]
    assert counts == [8.7, 1.0, 1.5, 26.4, 3.9, 6.9]


def chains(papers: Configuration, name: str) -> dict[str, dict]:
    """Temperature, bounds, conditions of each chain of one of FTDDM's tables; the solver has no temperature."""
    terms = {}
    for method in table(papers, "ftddm", name).methods:
        sampler = papers.method(method).sampler
        if sampler.kind in CHAINS:
            used = {role: papers.network(each, None) for role, each in papers.method(method).networks.items()}
            factor = {each.upscaling_factor for each in used.values() if each.architecture == "denoising_unet"}
            terms[sampler.kind] = (getattr(sampler, "temperature", None), sampler.clip, factor)
    return terms


def test_table_1_has_the_published_terms_and_its_fair_twin_equal_ones(papers):
    published, fair = chains(papers, "table1"), chains(papers, "table1_fair")
    assert set(published) == set(fair) == set(CHAINS)
    for kind, (temperature, _, factor) in published.items():
        assert temperature == {"ftddm": 0.9, "dpm_solver": None}.get(kind, 1.0)
        assert factor == {kind == "ftddm"}
    assert all(temperature in (0.9, None) and factor == {True} for temperature, _, factor in fair.values())
    assert len({str(clip) for _, clip, _ in fair.values()}) == 1


def test_diffusion_only_is_ftddm_truncated_at_the_end_of_the_chain(papers):
    shown = table(papers, "ftddm", "table2")
    (name,) = [
        name for name, label in shown.labels.items() if papers.label(name, label) == "Diffusion only (Ttrunc=1000)"
    ]
    only, both = papers.method(name), papers.method("ftddm_100")
    assert name in shown.methods and only.sampler.kind == "ancestral"
    for key in ("temperature", "variance", "clip"):
        assert getattr(only.sampler, key) == getattr(both.sampler, key)
    denoiser = papers.network(both.networks["denoiser"], None)
    assert papers.network(only.networks["denoiser"], None) == denoiser | {"truncation": None}
    assert denoiser.upscaling_factor and only.weights_of("denoiser") == both.weights_of("denoiser") == "last"


def test_without_a_conditional_base_the_enhancer_learns_one_and_srflows_is_standard_normal(papers):
    full, without = (papers.network(name, None) for name in ("flow_enhancer", "flow_enhancer_no_conditional_base"))
    assert without == full | {"base": "learned"} and full.base == "conditional"
    assert papers.network("srflow", None).base == "standard"


def test_munet_fs_cwgan_is_conditioned_on_the_weights_that_its_paper_recommends(papers):
    for name in ("table1", "table1_fair"):
        weights = [
            getattr(papers.method(m).sampler, "adversarial_weight", None) for m in table(papers, "ftddm", name).methods
        ]
        assert weights[:2] == [0.03, 0.0]
    low, high = papers.network("munet_fs_cwgan", None).adversarial_weight
    assert low <= 0.0 and high >= 0.03


def test_the_multiscale_papers_table_1_pools_its_nine_sizes_and_shows_the_training_time(papers):
    shown = table(papers, "multiscale", "table1")
    assert shown.pool_sizes and len(shown.sizes) == 9 and shown.costs == ["training_hours", "parameters"]
    assert papers.experiment("multiscale").folds.run == [1, 2, 3, 4, 5]


def test_the_guide_says_how_many_networks_each_experiment_trains(papers, repository):
    guide = (repository / "config" / "README.md").read_text()
    said = {name: int(number) for name, number in re.findall(r"`(\w+)` (\d+) networks", guide)}
    assert said == {name: len(papers.networks_of(name)) for name in papers.experiments}
