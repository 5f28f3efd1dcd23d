"""Page of a scan: whole in one file, warnings first, every word of the user shown as it stands."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import super_resolved

from mrsi_sr.new_scan import outputs, page, viewer
from mrsi_sr.new_scan.result import SuperResolved
from mrsi_sr.new_scan.trust import judge
from mrsi_sr.settings.cohort import QualitySettings


@pytest.fixture
def text(page_folder) -> str:
    return (page_folder / "scan.html").read_text()


@pytest.fixture
def quick(seen, tmp_path, monkeypatch):
    """The page of a result without the pictures of its viewer."""
    monkeypatch.setattr(viewer, "_page", lambda *_: "a page")
    (tmp_path / "overview.png").write_bytes(b"a picture")

    def quick(result, networks="networks") -> str:
        trust = judge(result.scan, seen, sizes=[8, 16, 32], reads_mri=False)
        facts = outputs.facts_of(result, networks, seed=1)
        return page.page(result, trust, QualitySettings.of(), facts, tmp_path / "overview.png")

    return quick


def test_a_page_holds_all_that_it_shows(text):
    assert set(re.findall(r'(?:src|href)="(?!data:)([^"]*)"', text)) == {"provenance.json", "trust.json", "mrsi/"}
    assert "default-src 'none'" in text
    for words in (
        "Research use only", "Trust: does this scan", "Overview", "Numbers inside the mask", "Fit with the measurement",
        "Missing voxels, and why", "Provenance", "slices as they were acquired", "nearer to the skull than", "S/N &lt;",
        "results/clinic/hand_over",
    ):  # fmt: skip
        assert words in text, words


def test_the_files_beside_the_page_have_the_same_warnings(page_folder, text):
    trust = json.loads((page_folder / "trust.json").read_text())
    assert len(trust["warnings"]) == 1 and trust["warnings"][0].startswith("Upscaling factor: 4")
    assert trust["score"] < 0.5 and trust["ResearchUseOnly"]
    assert [line["name"] for line in trust["lines"] if line["warns"]] == ["upscaling factor"]
    assert text.index(trust["warnings"][0]) < text.index("<section>")  # before everything else
    assert "1 warning<" in text and "No warnings" not in text
    assert {each.name for each in page_folder.iterdir()} == {"scan.html", "trust.json", "overview.png", "overview.pdf"}


def test_words_of_the_user_are_no_markup(scan, result, quick):
    hostile = '</script><script>alert("x")</script><b>&'
    scan = replace(scan, unit=hostile)
    text = quick(replace(result, scan=scan, method=hostile, warnings=[hostile]), networks=hostile)
    assert "alert" in text
    assert '<script>alert("' not in text and "<b>" not in text
    assert text.count("</script>") == 2  # of the viewer's content and of its script


def test_the_value_of_every_voxel_is_kept_to_a_few_digits(result, monkeypatch):
    monkeypatch.setattr(viewer, "_page", lambda *_: "a page")
    content = viewer.content(result, {})
    found = next(each for each in content["maps"] if (each["name"], each["kind"]) == ("tCho", "mean"))
    window = viewer._Window.of(result.scan)
    truth = window.cut(result.mean["tCho"])
    integers = np.frombuffer(viewer.base64.b64decode(found["values"]["integers"]), "<u2").reshape(content["shape"])
    values = np.where(integers == viewer.MISSING, np.nan, found["values"]["low"] + found["values"]["step"] * integers)
    assert np.array_equal(np.isnan(values), np.isnan(truth))
    assert np.nanmax(np.abs(values - truth)) <= 0.51 * np.ptp(truth[np.isfinite(truth)]) / viewer.SCALE


def test_the_scripts_and_the_mri_of_the_viewer_are_kept_once(text):
    content = json.loads(text.split('id="viewer-content">')[1].split("</script>")[0])
    assert len(content["maps"]) == 11
    shared = set.intersection(*(set(each["parts"]) for each in content["maps"]))
    assert len([part for part in shared if len(content["parts"][part]) > 1000]) == 3  # jQuery, brainsprite, MRI
    assert text.count("jQuery v3") == 1


@pytest.mark.parametrize("kind", ["no MRI", "one sample", "regridded", "an empty map"])
def test_a_page_of_less_is_a_page(kind, scan, result, quick):
    changed = {
        "no MRI": lambda: replace(result, scan=replace(scan, t1=None, flair=None)),
        "one sample": lambda: super_resolved.super_resolved(scan, samples=1),
        "regridded": lambda: SuperResolved.regridded(scan, ["only regridded"]),
        "an empty map": lambda: replace(result, mean=result.mean | {"NAA": np.full_like(result.mean["NAA"], np.nan)}),
    }[kind]()
    kinds = quick(changed).split('id="map-kind"')[1].split("</select>")[0]
    assert ("standard deviation" in kinds) == (kind in ("no MRI", "an empty map"))


@pytest.mark.parametrize("shown", ["no map", "nothing above zero"])
def test_a_map_without_a_value_above_zero_can_be_looked_at(shown, result):
    maps = np.full_like(result.mean["NAA"], np.nan if shown == "no map" else -1)
    window = viewer._Window.of(result.scan)
    with viewer._little_garbage():
        assert viewer.OWN_START in viewer._page(maps, "mean", window, viewer._background(result.scan))
