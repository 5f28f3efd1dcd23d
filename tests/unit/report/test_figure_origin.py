"""Laws of a figure's sentence of origin: every figure carries all facts that decide what it shows."""

from mrsi_sr.report.figures.origin import origin
from mrsi_sr.settings.report import FigureSettings

SETTINGS = FigureSettings.of(
    figure={"kind": "metabolites", "method": "ftddm"}, experiment="demo", protocol="paper", cohort="toys", phantom=True,
    folds_in_all=5,
)  # fmt: skip


def test_a_figure_says_its_experiment_protocol_cohort_folds_seeds_and_configuration():
    said = origin(SETTINGS, folds=[2, 1], seeds=[1], configuration="abc123", participants=10, maps=1234)
    assert said == (
        "Experiment demo, protocol paper: metrics over the whole frame; cohort toys (phantom: simulated, not patients);"
        " folds 1, 2 of 5; training seed 1; 10 participants; 1,234 maps. Configuration abc123."
    )


def test_what_is_not_known_is_left_out_and_patients_are_no_phantoms():
    settings = SETTINGS | {"experiment": None, "phantom": False, "protocol": "clean", "folds_in_all": None}
    said = origin(settings, folds=[3], seeds=[1, 2], configuration="abc")
    assert said == (
        "Protocol clean: metrics inside the quality mask; cohort toys; fold 3; training seeds 1, 2. Configuration abc."
    )


def test_the_region_of_the_settings_is_said():
    assert "metrics over the whole frame" in origin(
        SETTINGS | {"protocol": "clean", "region": "frame"}, folds=[1], seeds=[1], configuration="abc"
    )
