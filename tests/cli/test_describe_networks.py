"""describe_networks.py as a person runs it."""

import csv
import io

import pytest


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    path = tmp_path_factory.mktemp("configuration") / "toy.yaml"
    path.write_text(
        """
cohort: {name: toy, participants: not/there.tsv}
networks:
  munet: {architecture: munet, channels: 1, objective: regression, epochs: 1, batch_size: 1, learning_rate: 1.0e-4}
methods:
  munet: {label: MUNet, sampler: {kind: single_pass}, networks: {network: munet}}
experiments:
  toy: {methods: [munet]}
"""
    )
    return path


def test_it_prints_every_network_without_any_data(run_script, configuration):
    done = run_script("describe_networks", "--config", configuration)
    assert done.returncode == 0, done.stderr
    assert "munet" in done.stdout and "regression" in done.stdout
    assert "toy: 1 networks per fold, 5 folds to run" in done.stdout


def test_as_csv_it_can_be_read_by_a_program(run_script, configuration):
    done = run_script("describe_networks", "--config", configuration, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert row["network"] == "munet" and int(row["parameters"]) > 0 and float(row["gflop_per_map"]) > 0


def test_a_fault_of_the_configuration_is_one_message_and_code_2(run_script, configuration, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(configuration.read_text().replace("architecture: munet", "architecture: monet"))
    done = run_script("describe_networks", "--config", wrong)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "networks.munet.architecture" in done.stderr and "did you mean munet" in done.stderr
    assert run_script("describe_networks", "--config", tmp_path / "none.yaml").returncode == 2
