"""Files of a super-resolved scan: read back by nibabel and nilearn, where the scan is, and said to be for research."""

import json

import nibabel
import numpy as np
import pytest
from new_scans import FIELD_MM, StandIn, new_scan, volumes
from nibabel.affines import apply_affine
from nilearn.image import resample_to_img

from mrsi_sr.new_scan import outputs
from mrsi_sr.new_scan.batches import BatchSize
from mrsi_sr.new_scan.ratios import Ratio
from mrsi_sr.new_scan.result import SliceResult, SuperResolved
from mrsi_sr.new_scan.sampling import ScanSampler
from mrsi_sr.results.names import bids_label

# Orientations in which scanners and programs store a matrix: axes permuted and mirrored, and an oblique one.
ORIENTATIONS = {
    "right to left": np.diag([-1.0, 1, 1]),
    "upside down": np.diag([1.0, -1, -1]),
    "sagittal": np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]),
    "coronal": np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "oblique": np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1.0]]),
}
STEM = "sub-07_space-mrsi_res-sr_met-{}_desc-{}_{}"


def affine_of(turn: np.ndarray, edges, shape) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array(edges)
    affine[:3, 3] = [14.0, -9.0, 31.0] - affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine


def with_lesion(scan, at) -> None:
    """Put a hotspot of three voxels' width at a voxel of the scan."""
    distance = np.stack(np.indices(scan.shape), -1) - np.array(at)
    spot = np.exp(-0.5 * ((distance / [1.5, 1.5, 1]) ** 2).sum(-1))
    for volume in scan.concentration.values():
        volume += 30 * spot


def resolved(prepared, samples: int = 3) -> SuperResolved:
    method = StandIn(lambda condition, noise: condition.low_resolution + 0.02 * noise(condition.mask))
    found = dict(
        ScanSampler([method], prepared, ["NAA", "tCho"], whole=True, seed=1).slices(samples, [], BatchSize(64))
    )
    ratios = [Ratio.of("tCho/NAA")]
    slices = [SliceResult.of(found[s], prepared.metabolites, ratios, keep=True) for s in sorted(found)]
    return SuperResolved.of(prepared, slices, ratios, method="m", samples=samples, warnings=["w"], seconds=1.0)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    result = resolved(new_scan(folder))
    outputs.write(result, folder / "sub-07", outputs.facts_of(result, "networks", 1))
    return result, folder / "sub-07" / "mrsi"


@pytest.mark.parametrize("stored", ORIENTATIONS)
def test_a_lesion_stays_where_it_is_however_the_matrix_is_stored(tmp_path, stored):
    """Its centre of mass in mm, on the acquired grid and in the file, within half a target voxel."""
    turn = ORIENTATIONS[stored]
    third = int(np.abs(turn[2]).argmax())  # the stored axis that is closest to the scanner's z
    shape, edges = np.full(3, 16), np.full(3, FIELD_MM / 16)
    shape[third], edges[third] = 3, 5.0
    scan = volumes(tuple(shape), tuple(edges), affine_of(turn, edges, shape))
    at = np.array([9, 5, 9])
    at[third] = 1
    with_lesion(scan, at)
    result = resolved(new_scan(tmp_path, scan.in_axial_order()))
    outputs.write(result, tmp_path / "out", {})
    image = nibabel.load(tmp_path / "out" / "mrsi" / f"{STEM.format('NAA', 'sr', 'mrsi')}.nii.gz")
    values = np.asarray(image.dataobj)
    hot = np.where(values > 0.75 * values.max(), values, 0)
    centre = [(index * hot).sum() / hot.sum() for index in np.indices(values.shape)]
    place, expected = apply_affine(image.affine, centre), apply_affine(scan.affine, at)
    assert np.linalg.norm(place - expected) < 0.5 * 3.4
    # As nilearn sees it on a finer grid of another orientation, the brightest place is the same.
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = expected - [110, 110, 20]
    fine = nibabel.Nifti1Image(np.zeros((110, 110, 20)), affine)
    seen = np.asarray(resample_to_img(image, fine, force_resample=True, copy_header=True).dataobj)
    brightest = apply_affine(fine.affine, np.unravel_index(seen.argmax(), seen.shape))
    assert np.linalg.norm(brightest - expected) < 6


def test_the_files_have_the_maps_and_every_sample(written):
    result, folder = written
    target = result.scan.target
    for name, maps in {"NAA": result.mean["NAA"], "tCho": result.mean["tCho"]}.items():
        image = nibabel.load(folder / f"{STEM.format(name, 'sr', 'mrsi')}.nii.gz")
        assert image.shape == target.shape
        assert np.allclose(image.affine, target.affine)
        expected = np.nan_to_num(target.crop(maps))
        assert np.allclose(np.moveaxis(np.asarray(image.dataobj)[..., result.scan.slices], -1, 0), expected)
    for desc in ("srsd", "zerofilled", "sample001", "sample003"):
        assert (folder / f"{STEM.format('NAA', desc, 'mrsi')}.nii.gz").exists()
    assert (folder / f"{STEM.format('tChoPerNAA', 'sr', 'mrsi')}.nii.gz").exists()
    for desc in ("valid", "reasons", "filled"):
        assert (folder / f"{STEM.format('NAA', desc, 'mask')}.nii.gz").exists()


def test_every_file_says_that_it_is_for_research_only(written):
    _, folder = written
    images = sorted(folder.glob("*.nii.gz"))
    for path in images:
        assert "Research use only" in bytes(nibabel.load(path).header["descrip"]).decode()
        sidecar = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
        assert sidecar["ResearchUseOnly"] is True
        assert sidecar["UpscalingFactor"] == 4
        assert sidecar["Warnings"] == ["w"]
    assert len(images) == len(list(folder.glob("*.json"))) > 0


def test_units_are_those_of_the_scan_and_ratios_have_none(written):
    _, folder = written
    units = {
        name: json.loads((folder / f"{STEM.format(name, 'sr', 'mrsi')}.json").read_text())["Units"]
        for name in ("NAA", "tChoPerNAA")
    }
    assert units == {"NAA": "mM", "tChoPerNAA": "ratio"}


def test_names_are_what_bids_allows():
    assert bids_label("sub-01_a") == bids_label("01a") == "sub-01a"
    assert outputs.alphanumeric("Cr+PCr") == "CrPCr"
    assert outputs.alphanumeric("tCho/NAA") == "tChoPerNAA"


def test_the_data_set_is_described_once(tmp_path):
    outputs.write_description(tmp_path)
    path = tmp_path / "dataset_description.json"
    described = json.loads(path.read_text())
    assert described["DatasetType"] == "derivative"
    assert described["GeneratedBy"][0]["Name"] == "mrsi-sr"
    path.write_text("{}")
    outputs.write_description(tmp_path)
    assert path.read_text() == "{}"
