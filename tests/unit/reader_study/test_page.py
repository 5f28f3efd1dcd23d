"""Page of a reader study: the same for the same data, and nothing in it says which image is which."""

import base64
import json
import re
from collections import Counter

import evaluated
import numpy as np
import pytest
import reader_study

from mrsi_sr.cli import UserError
from mrsi_sr.reader_study import key as keys
from mrsi_sr.reader_study.design import Case, generator
from mrsi_sr.reader_study.images import CaseImages, Picture, candidates, sources
from mrsi_sr.reader_study.page import blinded
from mrsi_sr.reader_study.scale import OVERALL, ROLES
from mrsi_sr.report.figures import axial
from mrsi_sr.results.files import checksum
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.reader_study import ReaderStudySettings


def image(text: str, shape: list[int]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)


def test_the_page_names_no_method_participant_size_or_seed_and_nothing_else_that_the_key_has(study):
    text = (study / "page.html").read_text()
    named = {str(each) for row in keys.read(study / "key.csv") for each in (row.method, row.role, row.participant)}
    named |= {"munet", "Zero-filled", "A network", "sub-", "toy", "seed", "LR", "SR", "fold", "super-resolved"}
    outside = re.sub(r'"[A-Za-z0-9+/=]{40,}"', '""', text)  # without the images
    words = outside.lower().replace("mrsi-sr", "")
    assert [word for word in named if re.search(rf"\b{re.escape(word.lower())}\b", words)] == []
    content = reader_study.content_of(study / "page.html")
    assert content.keys() == {
        "cases", "metabolites", "overall", "unit", "phantom", "study", "washoutWeeks", "scores", "notApplicable",
        "colours",
    }  # fmt: skip
    assert {tuple(case) for case in content["cases"]} == {("case", "side", "shape", "mri", "maps", "sets")}
    assert {tuple(each) for case in content["cases"] for each in case["maps"]} == {
        ("metabolite", "high", "truth", "images")
    }


def test_all_images_of_a_slice_are_of_equal_length_whatever_they_show(study):
    for case in reader_study.content_of(study / "page.html")["cases"]:
        lengths = {len(text) for each in case["maps"] for text in (each["truth"], *each["images"])}
        assert len(lengths) == 1


def test_the_sides_follow_from_more_than_the_page_and_the_seed(study, tmp_path):
    """Maps that differ by less than the page shows: the same study, other sides. Only the full maps decide these."""
    made = evaluated.write(tmp_path / "samples", folds=(1, 2), participants=2)
    for folder in made["samples"].values():
        for path in folder.glob("*.npz"):
            arrays = dict(np.load(path))
            np.savez_compressed(path, **arrays | {"maps": arrays["maps"] * (1 + 1e-9)})
        evaluated.record(folder)
    reader_study.make(made, tmp_path)
    sides = {}
    for folder in (study, tmp_path):
        rows = keys.read(folder / "key.csv")
        sides[folder] = {(row.participant, row.slice, row.metric, row.image): row.role for row in rows}
        if folder == tmp_path:
            assert {(row.participant, row.slice, row.size) for row in rows} == {
                (row.participant, row.slice, row.size) for row in keys.read(study / "key.csv")
            }
    assert sides[study] != sides[tmp_path]


def test_slices_come_in_an_order_of_their_own(study):
    """Neither that of participants nor that of sizes, and another one where other numbers are drawn."""
    image = np.ones((2, 2), np.uint8)
    images = CaseImages([Picture("NAA", 1.0, image, dict.fromkeys(ROLES, image))], image, image, "L", "mM")
    cases = {Case(f"sub-{i // 2}", i % 2, False, 8 + 2 * (i // 4)): images for i in range(12)}
    settings, folds = ReaderStudySettings.of(**reader_study.SETTINGS), {f"sub-{i}": 1 for i in range(6)}
    orders = []
    for number in (1, 2):
        key = blinded(cases, folds, settings, generator("sides", number)).key
        orders.append([(row.participant, row.slice) for row in key if (row.metric, row.image) == ("NAA", "left")])
    given = [(case.participant, case.slice) for case in cases]
    assert sorted(orders[0]) == sorted(orders[1]) == given
    assert orders[0] != orders[1] and given not in orders


def test_a_slice_that_lacks_a_map_of_a_metabolite_or_of_a_method_is_none_of_the_study(tmp_path):
    made = evaluated.write(tmp_path / "samples", folds=(1, 2), participants=2)
    path = made["slices"][0]
    truth = ParticipantSlices.load(path)
    truth.maps[0, 1], truth.valid[0, 1] = 0, False
    truth.save(path)
    folder = made["samples"]["munet", 1]
    arrays = dict(np.load(folder / "sub-11.npz"))
    kept = ~((arrays["slice"] == 12) & (arrays["metabolite"] == "tCr") & (arrays["size"] == 8))
    np.savez_compressed(folder / "sub-11.npz", **{name: array[kept] for name, array in arrays.items()})
    for each in made["samples"].values():
        record = json.loads((each / "provenance.json").read_text())
        evaluated.record(each, inputs_sha256=record["inputs_sha256"] | {str(path): checksum(path)})
    settings = ReaderStudySettings.of(**reader_study.SETTINGS)
    found = candidates(sources(list(made["samples"].values()), made["slices"], settings), settings)
    slices = {
        name: [each.slice for each in found if each.participant == name] for name in ("sub-10", "sub-11", "sub-20")
    }
    assert slices == {"sub-10": [11, 12], "sub-11": [10, 11], "sub-20": [10, 11, 12]}


def test_either_side_and_either_set_is_the_super_resolved_one_as_often(study):
    rows = [row for row in keys.read(study / "key.csv") if row.role == "super_resolved"]
    of_pairs = Counter(row.image for row in rows if row.metric not in OVERALL)
    assert of_pairs == {"left": 4, "right": 4}
    assert Counter((row.case, row.image) for row in rows if row.metric in OVERALL).keys() == {
        (row.case, row.image) for row in rows if row.metric == "sharpness"
    }
    assert Counter(row.image for row in rows if row.metric == "sharpness") == {"A": 2, "B": 2}


def test_the_same_samples_give_the_same_page_and_key(study, tmp_path):
    made = evaluated.write(tmp_path / "samples", folds=(1, 2), participants=2)
    reader_study.make(made, tmp_path)
    for name in ("page.html", "key.csv", "methods.md"):
        assert (tmp_path / name).read_bytes() == (study / name).read_bytes(), name


def test_the_page_shows_the_maps_that_the_key_says_in_one_window_and_one_mask(study):
    """Values come back to half a grey step, clipped to the window; anterior up, as the record of the maps has y."""
    key = {(row.case, row.metric, row.image): row for row in keys.read(study / "key.csv")}
    for case in reader_study.content_of(study / "page.html")["cases"]:
        for each in case["maps"]:
            rows = [key[case["case"], each["metabolite"], side] for side in ("left", "right")]
            truth = ParticipantSlices.load(study / "samples" / f"{rows[0].participant}.slices.npz")
            s, m = truth.slices.tolist().index(rows[0].slice), truth.metabolites.index(each["metabolite"])
            valid, high = truth.valid[s, m], each["high"]
            assert high == pytest.approx(np.percentile(truth.maps[s, m][valid], 99.5), rel=1e-3)
            maps = {"truth": truth.maps[s, m]} | {row.image: sampled(study, row) for row in rows}
            shown = {"truth": each["truth"], "left": each["images"][0], "right": each["images"][1]}
            for name, values in maps.items():
                grey = image(shown[name], case["shape"])[::-1].T
                part = axial.window(truth.brain[s] | truth.valid[s].any(axis=0))
                assert ((grey > 0) == valid[part]).all()
                expected = np.clip(values[part] / high, 0, 1)[grey > 0]
                assert np.abs((grey[grey > 0] - 1.0) / 254 - expected).max() <= 0.5 / 254 + 1e-3


def sampled(study, row) -> np.ndarray:
    content = np.load(study / "samples" / f"fold-{row.fold}" / row.method / f"{row.participant}.npz")
    found = (content["slice"] == row.slice) & (content["metabolite"] == row.metric) & (content["size"] == row.size)
    return content["maps"][found][0]


def test_a_set_holds_the_images_of_one_method(study):
    key = {(row.case, row.metric, row.image): row.role for row in keys.read(study / "key.csv")}
    for case in reader_study.content_of(study / "page.html")["cases"]:
        for name, chosen in zip("AB", case["sets"], strict=True):
            roles = {
                key[case["case"], each["metabolite"], ("left", "right")[i]]
                for each, i in zip(case["maps"], chosen, strict=True)
            }
            assert roles == {key[case["case"], "sharpness", name]}


def test_text_of_the_configuration_ends_no_script(tmp_path):
    made = evaluated.write(tmp_path / "samples", folds=(1, 2), participants=2)
    for path in made["slices"]:
        truth = ParticipantSlices.load(path)
        ParticipantSlices(**vars(truth) | {"unit": "</script><b>"}).save(path)
    for folder in made["samples"].values():
        record = json.loads((folder / "provenance.json").read_text())
        sums = {str(path): checksum(path) for path in made["slices"]}
        evaluated.record(folder, inputs_sha256=record["inputs_sha256"] | sums)
    reader_study.make(made, tmp_path)
    assert "</script><b>" not in (tmp_path / "page.html").read_text()
    assert reader_study.content_of(tmp_path / "page.html")["unit"] == "</script><b>"


def test_the_page_says_that_phantoms_are_simulated_and_a_page_of_patients_does_not(study, tmp_path):
    assert "Simulated phantoms, not patients" in (study / "page.html").read_text()
    reader_study.write(tmp_path, phantom=False)
    assert "Simulated phantoms" not in (tmp_path / "page.html").read_text()


def test_the_methods_text_states_randomisation_blinding_and_wash_out(study):
    text = (study / "methods.md").read_text()
    for words in (
        "drawn with equal chances from the 4", "2 slices at each of 8×8, 4×4", "Images are not labelled",
        "at least 4 weeks of wash-out", "simulated phantoms", "experiment toy", "protocol clean", "folds 1, 2",
        "quadratic weights", "8 pairs of images", "2 slices were drawn among its slices",
    ):  # fmt: skip
        assert words in text, words


def test_the_methods_text_says_that_only_some_slices_were_sampled(study, tmp_path):
    made = evaluated.write(tmp_path / "samples", folds=(1, 2), participants=2)
    for folder in made["samples"].values():
        record = json.loads((folder / "provenance.json").read_text())
        evaluated.record(folder, settings=record["settings"] | {"subset": {"slices": 3}})
    reader_study.make(made, tmp_path, training_seed=5)
    text = (tmp_path / "methods.md").read_text()
    assert "drawn among the 3 with the largest lesion, then the most brain" in text
    assert "folds 1, 2, training seed 5" in text


def test_the_key_of_each_page_is_kept_where_another_page_takes_its_place(tmp_path):
    made = evaluated.write(tmp_path / "samples", folds=(1, 2), participants=2)
    first = (reader_study.make(made, tmp_path), (tmp_path / "key.csv").read_bytes())[1]
    reader_study.make(made, tmp_path, seed=2)
    kept = {path.read_bytes() for path in (tmp_path / "keys").glob("*.csv")}
    assert kept == {first, (tmp_path / "key.csv").read_bytes()} and len(kept) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sizes": [8, 6]}, "has samples at the sizes 4, 8, and the study needs 6 as well"),
        ({"super_resolved": "another"}, "has samples of munet, the study compares zero_filled and another"),
        ({"participants": 5, "slices_per_participant": 4}, "there are 0\n  such slices: sub-10 3"),
    ],
)
def test_samples_that_a_study_cannot_be_made_of_are_refused_and_nothing_is_written(changes, words, tmp_path):
    made = evaluated.write(tmp_path / "samples", folds=(1, 2), participants=2)
    with pytest.raises(UserError, match=words):
        reader_study.make(made, tmp_path, **changes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["samples"]


def test_a_key_that_was_changed_is_refused(tmp_path):
    reader_study.write(tmp_path)
    path = tmp_path / "key.csv"
    path.write_text(path.read_text().replace("left", "right", 1))
    with pytest.raises(UserError, match="damaged, or was changed"):
        keys.read(path)
