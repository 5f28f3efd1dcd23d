"""Laws of reading NIfTI files: what an image must say of itself, and that it is read whole."""

import gzip
import os
import struct

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrsi_sr.cli import UserError
from mrsi_sr.scan.nifti import EDGES_MM, files_of, read_grid, read_nifti, write_nifti
from mrsi_sr.scan.volumes import axial_order

AFFINE = np.array([[-3.5, 0, 0, 90], [0, 3.0, 0, -120], [0, 0, 2.5, -60], [0, 0, 0, 1.0]])
VALUES = np.arange(60, dtype=np.float32).reshape(3, 4, 5)


def save(path, values=VALUES, affine=AFFINE, kind=nibabel.Nifti1Image, **header):
    """A file whose header fields are then overwritten."""
    image = kind(values, affine)
    image.to_filename(path)
    if header:
        path.write_bytes(changed(path.read_bytes(), image.header_class, **header))
    return path


def changed(data: bytes, header_class=nibabel.Nifti1Header, **fields) -> bytes:
    size = header_class.sizeof_hdr
    header = header_class(data[:size], check=False)
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + data[size:]


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ", "a.img", "A.HDR", "a.img.gz"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("order", "<>")
def test_an_image_is_read_as_it_was_written_however_it_is_stored(tmp_path, name, version, order):
    pair = name.lower()[2:5] in ("img", "hdr")
    kind = getattr(nibabel, f"Nifti{version}{'Pair' if pair else 'Image'}")
    image = kind(VALUES.astype(f"{order}f4"), AFFINE, kind.header_class(endianness=order))
    image.to_filename(tmp_path / name)
    values, affine = read_nifti(tmp_path / name)
    assert np.array_equal(values, VALUES) and np.allclose(affine, AFFINE)
    assert len(files_of(tmp_path / name)) == 1 + pair
    assert read_grid(tmp_path / name)[0] == VALUES.shape


def test_scaled_whole_numbers_have_the_values_that_nibabel_gives(tmp_path):
    image = nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), AFFINE)
    image.header.set_slope_inter(0.37, -2.5)
    image.to_filename(tmp_path / "a.nii.gz")
    assert np.array_equal(read_nifti(tmp_path / "a.nii.gz")[0], np.asarray(nibabel.load(tmp_path / "a.nii.gz").dataobj))


@pytest.mark.parametrize("slope", [np.inf, -np.inf, 1e30, -1e30, 1e-40])
def test_a_slope_that_no_image_has_is_refused_with_the_range_of_the_values(tmp_path, slope):
    path = save(tmp_path / "a.nii", scl_slope=slope, scl_inter=0)
    with pytest.raises(UserError, match=r"a.nii has the slope \(scl_slope\) .*, its stored values 0 to 59"):
        read_nifti(path)


@pytest.mark.parametrize("slope", [0, np.nan, 1, -1, 1e-12, 1e6])
def test_a_slope_of_zero_or_no_number_means_that_there_is_none(tmp_path, slope):
    path = save(tmp_path / "a.nii", scl_slope=slope, scl_inter=0)
    expected = VALUES * (slope if slope and np.isfinite(slope) else 1)
    assert np.allclose(read_nifti(path)[0], expected, rtol=1e-6, atol=0)


def test_gzip_is_told_by_content_since_names_are_changed_on_the_way(tmp_path):
    zipped, plain = save(tmp_path / "a.nii.gz"), save(tmp_path / "b.nii")
    zipped.rename(tmp_path / "c.nii")
    plain.rename(tmp_path / "d.nii.gz")
    assert np.array_equal(read_nifti(tmp_path / "c.nii")[0], read_nifti(tmp_path / "d.nii.gz")[0])


def test_what_the_project_writes_says_where_it_is_in_mm(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", VALUES, AFFINE)
    header = nibabel.load(tmp_path / "a.nii.gz").header
    assert header["sform_code"] > 0 and header.get_xyzt_units()[0] == "mm"
    assert np.allclose(read_nifti(tmp_path / "a.nii.gz")[1], AFFINE)


# --- where an image is


def test_an_image_without_sform_and_qform_is_refused_for_left_and_right_are_not_known(tmp_path):
    path = save(tmp_path / "a.nii", sform_code=0, qform_code=0)
    for read in (read_nifti, read_grid):
        with pytest.raises(UserError, match=r"neither an sform nor a qform(.|\n)*fslorient -setsformcode"):
            read(path)


def test_a_qform_alone_says_where_an_image_is(tmp_path):
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    image.set_sform(None, code=0)
    image.set_qform(AFFINE, code=1)
    image.to_filename(tmp_path / "a.nii")
    assert np.allclose(read_nifti(tmp_path / "a.nii")[1], AFFINE, atol=1e-4)
    pixdim = [0, 2, 2, 2, 1, 1, 1, 1]
    path = save(tmp_path / "b.nii", affine=np.diag([2, 2, 2, 1]), sform_code=0, qform_code=1, pixdim=pixdim)
    assert np.allclose(read_nifti(path)[1][:3, :3], np.diag([2, 2, 2]))  # qfac 0 counts as 1, by the standard


@pytest.mark.parametrize(("shift_mm", "said"), [(0.2, False), (0.3, True)])
def test_a_disagreement_of_sform_and_qform_is_said_with_the_one_that_is_used(tmp_path, caplog, shift_mm, said):
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    other = AFFINE.copy()
    other[0, 3] += shift_mm  # a tenth of the smallest edge is 0.25 mm
    image.set_qform(other, code=1)
    image.to_filename(tmp_path / "a.nii")
    assert np.allclose(read_nifti(tmp_path / "a.nii")[1], AFFINE)
    assert ("sform and qform disagree by up to 0.3 mm; the sform is used" in caplog.text) is said


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("mm", 1), ("micron", 0.001), (0, 1)])
@pytest.mark.parametrize("form", ["sform", "qform"])
def test_affines_are_in_mm_whatever_unit_the_header_has(tmp_path, unit, factor, form):
    affine = AFFINE.copy()
    affine[:3] /= factor
    image = nibabel.Nifti1Image(VALUES, affine)
    image.set_sform(affine, code=int(form == "sform"))
    image.set_qform(affine, code=int(form == "qform"))
    image.header.set_xyzt_units(unit)
    image.to_filename(tmp_path / "a.nii")
    assert np.allclose(read_nifti(tmp_path / "a.nii")[1], AFFINE, rtol=1e-4)


@pytest.mark.parametrize("edge", [10_000, EDGES_MM[1] * 1.01, EDGES_MM[0] * 0.99, 0.0034])
def test_voxels_of_implausible_size_are_refused_with_the_unit_of_the_header(tmp_path, edge):
    with pytest.raises(UserError, match=rf"voxels of {edge:.6g} x 3 x 3 mm; its header says no unit"):
        read_nifti(save(tmp_path / "a.nii", affine=np.diag([edge, 3, 3, 1])))
    with pytest.raises(UserError, match="its header says metres"):
        read_nifti(save(tmp_path / "a.nii", xyzt_units=1))


@pytest.mark.parametrize("row", [[np.nan, 0, 0, 0], [np.inf, 0, 0, 0], [0, 0, 0, 0], [0, 3, 0, 0], [3, 0, 0, np.nan]])
def test_a_singular_or_infinite_affine_is_refused(tmp_path, row):
    with pytest.raises(UserError, match="an affine that is singular or not finite"):
        read_nifti(save(tmp_path / "a.nii", srow_x=row))
    with pytest.raises(UserError, match="an affine that is singular or not finite"):  # two axes in one direction
        read_nifti(save(tmp_path / "a.nii", srow_x=[3, 3, 0, 0], srow_y=[3, 3.001, 0, 0]))


@pytest.mark.parametrize(
    ("columns", "order"),
    [("xyz", (0, 1, 2)), ("yzx", (2, 0, 1)), ("xzy", (0, 2, 1)), ("zyx", (2, 1, 0)), ("yxz", (1, 0, 2))],
)
def test_the_order_of_axes_is_that_of_the_scanners_x_y_and_z(columns, order):
    tilted = np.array([[3, 0.8, -0.5], [-0.8, 3, 0.6], [0.5, -0.6, 3]])  # an oblique scan
    affine = np.eye(4)
    affine[:3, :3] = tilted[:, ["xyz".index(axis) for axis in columns]] * [-1, 1, -1]
    assert axial_order(affine) == order


# --- what an image shows


@pytest.mark.parametrize(("kind", "message"), [(np.complex64, "complex values"), ("rgb", "colours")])
def test_only_real_numbers_are_values(tmp_path, kind, message):
    dtype = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]) if kind == "rgb" else kind
    path = save(tmp_path / "a.nii", np.zeros((3, 4, 5), dtype))
    with pytest.raises(UserError, match=message):
        read_nifti(path)
    assert read_grid(path)[0] == (3, 4, 5)  # of a reference only matrix and position are used


def test_a_data_type_that_nifti_does_not_define_is_refused(tmp_path):
    with pytest.raises(UserError, match="data type has the code 999"):
        read_nifti(save(tmp_path / "a.nii", datatype=999))


def test_a_reference_may_have_spectra_and_a_map_may_not(tmp_path):
    path = save(tmp_path / "a.nii.gz", np.zeros((3, 4, 5, 7), np.complex64))  # as NIfTI-MRS
    assert read_grid(path)[0] == (3, 4, 5)
    with pytest.raises(UserError, match="is not 3-D: its matrix is 3 x 4 x 5 x 7"):
        read_nifti(path)


# --- that it is whole


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img"])
@pytest.mark.parametrize("dim", [[3, 3, 4, 6, 1, 1, 1, 1], [3, 3, 4, 4, 1, 1, 1, 1], [3, 32767, 32767, 9, 1, 1, 1, 1]])
def test_a_header_that_promises_another_size_than_there_is_is_refused(tmp_path, name, dim):
    kind = nibabel.Nifti1Pair if name == "a.img" else nibabel.Nifti1Image
    save(tmp_path / name, kind=kind)
    header = files_of(tmp_path / name)[0]
    data = changed(gzip.decompress(header.read_bytes()) if name.endswith("gz") else header.read_bytes(), dim=dim)
    header.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    for read in (read_nifti, read_grid):
        with pytest.raises(UserError, match=r"it ends .* bytes before|bytes more than|a matrix of 32767 x 32767 x 9"):
            read(tmp_path / name)


@pytest.mark.parametrize("dim", [[3, 0, 4, 5], [3, -3, 4, 5], [3, 32767, 32767, 9]])
def test_a_matrix_that_cannot_be_an_images_is_refused_by_its_numbers(tmp_path, dim):
    with pytest.raises(UserError, match=f"a matrix of {dim[1]} x {dim[2]} x {dim[3]} in its header"):
        read_nifti(save(tmp_path / "a.nii", dim=[*dim, 1, 1, 1, 1]))


def test_both_files_of_a_pair_are_read_up_to_their_checksums(tmp_path):
    save(tmp_path / "a.img.gz", kind=nibabel.Nifti1Pair)
    for file in files_of(tmp_path / "a.img.gz"):
        whole = bytearray(file.read_bytes())
        whole[-8] ^= 1
        file.write_bytes(whole)
        with pytest.raises(UserError, match="CRC check failed"):
            read_nifti(tmp_path / "a.img.gz")
        whole[-8] ^= 1
        file.write_bytes(whole)


def test_every_flipped_bit_of_a_gzip_file_is_seen_up_to_its_checksum(tmp_path):
    path = save(tmp_path / "a.nii.gz")
    whole = path.read_bytes()
    unseen = []
    for position in (*range(12, len(whole), 7), *range(len(whole) - 8, len(whole))):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        for read in (read_nifti, read_grid):
            try:
                read(path)
                unseen.append(position)
            except UserError:
                pass
    assert unseen == []


def test_what_is_no_nifti_file_is_called_what_it_is(tmp_path):
    os.mkfifo(tmp_path / "pipe.nii")
    (tmp_path / "folder.nii").mkdir()
    (tmp_path / "link.nii").symlink_to("gone.nii")
    (tmp_path / "circle.nii").symlink_to("circle.nii")
    (tmp_path / "lfs.nii.gz").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    (tmp_path / "text.nii").write_text("no image")
    (tmp_path / "empty.nii.gz").write_bytes(b"")
    save(tmp_path / "half.img", kind=nibabel.Nifti1Pair)
    (tmp_path / "half.hdr").unlink()
    nibabel.AnalyzeImage(VALUES, np.diag([3, 3, 3, 1])).to_filename(tmp_path / "spm.img")
    for name, message in (
        ("pipe.nii", "is a pipe"), ("folder.nii", "is a folder, expected a NIfTI image"),
        ("link.nii", "is a broken link"), ("circle.nii", "is a broken link"), ("none.nii", "no file .*none.nii"),
        ("lfs.nii.gz", "a pointer of Git LFS(.|\n)*git lfs pull"), ("text.nii", "does not begin with a NIfTI header"),
        ("empty.nii.gz", "cannot be read as a NIfTI image"), ("half.img", "no file .*half.hdr"),
        ("spm.img", "is an Analyze 7.5 image"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message):
            read_nifti(tmp_path / name)


HEADER = nibabel.Nifti1Header.template_dtype
FIELDS = sorted(name for name in HEADER.names if HEADER[name].kind in "iuf")


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(FIELDS), st.integers(0, 7), st.binary(min_size=8, max_size=8)), max_size=3),
    st.integers(0, 600), st.binary(max_size=8), st.booleans(), st.booleans(),
)  # fmt: skip
def test_no_header_or_content_whatever_is_more_than_a_user_error(tmp_path_factory, lies, cut, appended, zipped, whole):
    """Lying, cut, lengthened and foreign content gives three axes and a usable affine, or a UserError."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.nii"
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    data = bytearray(image.to_bytes())
    for name, place, lie in lies:
        dtype, start = HEADER.fields[name][:2]
        size = dtype.base.itemsize
        start += size * (place % max(1, dtype.itemsize // size))
        data[start : start + size] = lie[:size]
    data = bytes(data if whole else data[:cut]) + appended
    path.write_bytes(gzip.compress(data, 1) if zipped else data)
    for read in (read_nifti, read_grid):
        try:
            first, affine = read(path)
        except UserError:
            continue
        assert len(first if read is read_grid else first.shape) == 3
        assert np.isfinite(affine).all() and abs(np.linalg.det(affine)) > 0


def test_headers_that_lie_about_where_values_begin_are_refused(tmp_path):
    for offset in (1e30, np.nan, np.inf, 400):
        with pytest.raises(UserError, match="cannot be read as a NIfTI image"):
            read_nifti(save(tmp_path / "a.nii", vox_offset=offset))
    for offset in (0, 347, -64):
        with pytest.raises(UserError, match=f"its values begin at byte {offset}, inside its header"):
            read_nifti(save(tmp_path / "a.nii", vox_offset=offset))
    data = save(tmp_path / "a.nii").read_bytes()
    (tmp_path / "a.nii").write_bytes(data[:348] + struct.pack("<4sii", b"\1\0\0\0", 0, 4) + data[352:])  # an extension
    with pytest.raises(UserError, match="bytes more"):
        read_nifti(tmp_path / "a.nii")
