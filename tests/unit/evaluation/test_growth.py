"""Laws of scoring many participants and maps: what is in memory at once, and that no division into parts is seen."""

import weakref

import evaluated
import numpy as np
import pandas as pd
import pytest

from mrsi_sr.evaluation import samples as evaluation
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.fold import score_fold
from mrsi_sr.scan.slices import ParticipantSlices


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return evaluated.write(tmp_path_factory.mktemp("cohort"), participants=4, methods=["repeated"])


@pytest.mark.parametrize("kind", [evaluation.Samples, ParticipantSlices])
def test_scoring_a_fold_has_two_participants_in_memory_at_most(made, tmp_path, monkeypatch, kind):
    """One has just been scored while the next is read."""
    load, loaded, alive = kind.load, [], []

    def counted(path):
        content = load(path)
        loaded.append(weakref.ref(content))
        alive.append(sum(each() is not None for each in loaded))
        return content

    monkeypatch.setattr(kind, "load", counted)
    score_fold(
        made["samples"]["repeated", 1], method="repeated", fold=1, seed=1, protocol="clean", experiment="toy",
        slices=made["slices"], metrics=["nrmse"], lpips_weights=None, out=tmp_path / "scores.parquet",
        record=tmp_path / "scores.provenance.json", code={},
    )  # fmt: skip
    assert len(alive) == 4 and max(alive) <= 2


def test_maps_have_the_same_scores_however_many_are_scored_at_once(made, monkeypatch):
    samples = evaluation.Samples.load(made["samples"]["repeated", 1] / "sub-10.npz")
    truth, tables, at_once = ParticipantSlices.load(made["slices"][0]), [], []
    score = evaluation.score
    monkeypatch.setattr(evaluation, "score", lambda maps, *others: at_once.append(len(maps)) or score(maps, *others))
    for block in (7, len(samples.maps)):
        monkeypatch.setattr(evaluation, "BLOCK", block)
        table = evaluation.evaluate(samples, truth, "clean", ["nrmse", "psnr", "ssim"], {})
        tables.append(table.sort_values([*evaluation.IDENTITY, "region", "metric"], ignore_index=True))
        assert max(at_once[-2:]) <= block
    pd.testing.assert_frame_equal(*tables)


def long_table(method: str, rows: int) -> pd.DataFrame:
    maps = pd.DataFrame({"slice": range(rows), "participant": "sub-with-a-long-name", "metabolite": "NAA", "size": 8})
    facts = {"method": method, "fold": 1, "seed": 1, "sample": 0, "region": "mask", "metric": "nrmse"}
    return maps.assign(**facts, value=np.linspace(0, 1, rows), protocol="clean")


def test_a_row_of_scores_takes_the_memory_that_is_asked_for(tmp_path):
    rows, files = 20_000, [tmp_path / f"{method}.parquet" for method in ("b", "a")]
    for file in files:
        scores.write(long_table(file.stem, rows), file, protocol="clean", experiment="")
    table = scores.read(files, "clean")
    assert len(table) == 2 * rows
    assert table.memory_usage(deep=True).sum() <= scores.BYTES_PER_ROW * len(table)


def test_scores_of_several_files_are_in_the_order_of_words_whatever_the_order_of_the_files(tmp_path):
    """Tests draw participants by their place, so their order is that of the names."""
    files = [tmp_path / f"{method}.parquet" for method in ("b", "a")]
    names = [f"sub-{k}" for k in range(8)]
    for file, own in zip(files, (names[4:], names[:4]), strict=True):
        scores.write(long_table(file.stem, 4).assign(participant=own[::-1]), file, protocol="clean", experiment="")
    table = scores.read(files, "clean")
    assert table.participant.tolist() == names[:3:-1] + names[3::-1]
    assert table.file.tolist() == [str(file) for file in files for _ in range(4)]
    means = table.groupby("participant", observed=True).value.mean()
    assert list(means.index) == names
