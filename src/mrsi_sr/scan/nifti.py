"""Reader and writer of NIfTI files: every image of the project is read here, and checked before its values are used.

| checked | refused |
|---|---|
| file | no regular file, no NIfTI (Analyze 7.5 cannot tell left from right), gzip damaged up to its checksum |
| result | of a script of ours: not as the script wrote it (results/outputs) |
| size | fewer or more bytes than the header promises, more than MAX_VOXELS |
| data type | complex numbers, colours, types that NIfTI does not define |
| scale | a slope that is infinite, or outside SLOPES: values that nothing measured has |
| position | neither sform nor qform, an affine that is not finite or is singular, units that NIfTI does not define |
| voxels | edges outside EDGES_MM: mostly a header in another unit than it says |

Affines are in mm, whatever unit the header has. Where sform and qform disagree, the sform is used, and said.
"""

import gzip
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import check_is_file, reading

ENDINGS = (".nii", ".nii.gz", ".img", ".hdr", ".img.gz", ".hdr.gz")
EDGES_MM = (0.05, 200.0)  # smallest and largest plausible edge of a voxel
SLOPES = (1e-20, 1e20)  # smallest and largest plausible scl_slope; float32 has 1e-38 to 1e38
MAX_VOXELS = 2**27  # half a millimetre in the whole head; more would fill a job's memory
MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # unknown (taken as mm), metre, millimetre, micrometre
UNIT_NAMES = ("no unit", "metres", "mm", "micrometres")
DESCRIPTION = 79  # characters of a header's description
DISAGREE = 0.1  # of a voxel's edge: sform and qform that differ by more at a corner are said to disagree
MIN_DETERMINANT = 1e-3  # of the axes' unit vectors; 1 where they are at right angles
_SIZES = [(order, size) for order in ("little", "big") for size in (348, 540)]  # of NIfTI-1 and NIfTI-2 headers
_CHUNK = 1 << 24
_PAIR = re.compile(r"\.(img|hdr)(\.gz)?$", re.IGNORECASE)
_TO_DO = (
    "expected NIfTI: .nii, .nii.gz, or .img with .hdr; copy the file again, or convert it"
    " (DICOM with dcm2niix, MGH with mri_convert)"
)


def read_nifti(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Values [X, Y, Z] in the file's scaled data type, and affine [4, 4], voxel to mm, of a 3-D image.

    Further axes of length one are dropped. Raises UserError for what this module's table lists, and where not 3-D.
    """
    with _opened(path) as (header, streams):
        shape = _shape(path, header)
        affine = _affine(path, header, shape)
        if any(size != 1 for size in shape[3:]):
            words = " x ".join(map(str, shape))
            raise UserError(f"{path} is not 3-D: its matrix is {words}\n  expected one volume on the scan's grid")
        dtype = _real(path, header)
        data = _data(header, shape, dtype, streams)
        return _scaled(path, header, shape[:3], dtype, data), affine


def read_grid(path: str | Path) -> tuple[tuple[int, int, int], np.ndarray]:
    """Matrix (X, Y, Z) and affine [4, 4], voxel to mm, of an image, which may have spectra or repetitions as well.

    Raises UserError for what this module's table lists, but any data type, such as NIfTI-MRS's, will do.
    """
    with _opened(path) as (header, streams):
        shape = _shape(path, header)
        affine = _affine(path, header, shape)
        _data(header, shape, _dtype(header), streams, keep=False)
        return shape[:3], affine


def write_nifti(path: str | Path, values: np.ndarray, affine: np.ndarray, description: str = "") -> None:
    """Write values [X, Y, Z] in their own data type as NIfTI, affine in mm; equal values give equal bytes.

    description: of the header, of which it keeps 79 characters.
    """
    import nibabel

    image = nibabel.Nifti1Image(values, affine)  # sets the sform with code 2
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description[:DESCRIPTION].encode("ascii", "replace")
    image.to_filename(path)


def files_of(path: str | Path) -> list[Path]:
    """Files of an image: itself, or header and data of a pair. Raises UserError where the other one is missing."""
    path = Path(path)
    ending = _PAIR.search(path.name)
    if not ending:
        return [path]
    stem, is_header = path.name[: ending.start()], ending[1].lower() == "hdr"
    other = "img" if is_header else "hdr"
    other = other.upper() if ending[1].isupper() else other
    for zipped in (ending[2] or "", "", ".gz"):
        partner = path.with_name(f"{stem}.{other}{zipped}")
        if partner.exists():
            return [path, partner] if is_header else [partner, path]
    raise UserError(f"no file {path.with_name(f'{stem}.{other}')}, expected beside {path}: the two are one image")


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple]:
    """NIfTI header of an image, and the stream to read on from it: (header, (stream, bytes read)).

    Whatever the file makes the block raise becomes a UserError.
    """
    from nibabel.spatialimages import HeaderDataError

    files = files_of(path)
    for file in files:
        check_is_file(file, "a NIfTI image")
        check_whole(file)
    with reading(path, "a NIfTI image", _TO_DO, HeaderDataError), ExitStack() as stack:
        stream = stack.enter_context(_unzipped(files[0]))
        header, size = _header(path, stream)
        if len(files) == 2:
            _drain(stream)
            stream, size = stack.enter_context(_unzipped(files[1])), 0
        yield header, (stream, size)


@contextmanager
def _unzipped(path: Path) -> Iterator[io.BufferedIOBase]:
    """A file's content; gzip is recognised by its first bytes, since names are changed on a file's way."""
    with path.open("rb") as file:
        if file.peek(2)[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=file) as stream:
                yield stream
        else:
            yield file


def _header(path, stream) -> tuple:
    """The header at the start of a stream, unchecked, and its number of bytes."""
    import nibabel

    block = stream.read(4)
    order, size = next((found for found in _SIZES if block == found[1].to_bytes(4, found[0])), ("", 0))
    if not size:
        raise ValueError("it does not begin with a NIfTI header")
    block += b"".join(_pieces(stream, size - len(block)))
    header_class = nibabel.Nifti1Header if size == 348 else nibabel.Nifti2Header
    header = header_class(block, endianness=order, check=False)
    if bytes(header["magic"])[:3] not in (b"n+1", b"ni1", b"n+2", b"ni2"):
        raise UserError(
            f"{path} is an Analyze 7.5 image, which does not say where left and right are\n"
            "  convert it to NIfTI with the program that wrote it, and look at the result beside the original"
        )
    return header, size


def _shape(path, header) -> tuple[int, ...]:
    shape = header.get_data_shape()
    words = " x ".join(map(str, shape))
    if len(shape) < 3:
        raise UserError(f"{path} is not 3-D: its matrix is {words}\n  expected one volume on the scan's grid")
    if min(shape) < 1 or int(np.prod(shape[:3], dtype=object)) > MAX_VOXELS:
        raise UserError(f"{path} has a matrix of {words} in its header\n  expected 1 to {MAX_VOXELS:,} voxels")
    return shape


def _real(path, header) -> np.dtype:
    """Data type of the stored values, where they are real numbers."""
    dtype = _dtype(header)
    if dtype.kind == "c":
        raise UserError(
            f"{path} has complex values\n  expected real ones: save the magnitude, or the part that is meant"
        )
    if dtype.kind not in "iuf":
        raise UserError(f"{path} has colours or another structure as values\n  expected one number in each voxel")
    return dtype


def _dtype(header) -> np.dtype:
    try:
        return header.get_data_dtype()
    except KeyError:
        raise ValueError(f"its data type has the code {header['datatype']}, which NIfTI does not define") from None


def _affine(path, header, shape) -> np.ndarray:
    """Affine [4, 4], voxel to mm, from sform or qform."""
    codes = {name: int(header[f"{name}_code"]) for name in ("sform", "qform")}
    if not any(1 <= code <= 5 for code in codes.values()):
        raise UserError(
            f"{path} has neither an sform nor a qform: where left and right are is not known\n"
            "  copy the position from the image that it comes from (fslcpgeom ORIGINAL COPY), or, where its affine is\n"
            "  right, set the code: fslorient -setsformcode 1 FILE, or image.set_sform(affine, code=1) in nibabel"
        )
    if header["pixdim"][0] == 0:
        header["pixdim"][0] = 1  # as the standard says
    unit = int(header["xyzt_units"]) & 7
    if unit not in MM_PER_UNIT:
        raise ValueError(f"its header has the unit {unit}, which NIfTI does not define")
    scale = np.array([[MM_PER_UNIT[unit]]] * 3 + [[1.0]])
    sform = header.get_sform() * scale if 1 <= codes["sform"] <= 5 else None
    if sform is None:
        affine = header.get_qform() * scale
        check_affine(affine, path, UNIT_NAMES[unit])
        return affine
    check_affine(sform, path, UNIT_NAMES[unit])
    if 1 <= codes["qform"] <= 5:
        _compare(path, sform, header, shape, scale)
    return sform


def _compare(path, sform: np.ndarray, header, shape, scale) -> None:
    """Warn where sform and qform put a corner of the image at different places."""
    from nibabel.spatialimages import HeaderDataError

    try:
        difference = sform - header.get_qform() * scale
    except (ValueError, HeaderDataError):
        log.warning("%s: its qform is damaged; its sform is used", path)
        return
    corners = np.array(np.meshgrid(*[[0, size - 1] for size in shape[:3]])).reshape(3, -1)
    apart = np.linalg.norm(difference[:3, :3] @ corners + difference[:3, 3:], axis=0).max()
    if not apart <= DISAGREE * np.linalg.norm(sform[:3, :3], axis=0).min():
        log.warning(
            "%s: sform and qform disagree by up to %.1f mm; the sform is used (code %d: %s)",
            path, apart, header["sform_code"], header.get_value_label("sform_code"),
        )  # fmt: skip


def check_affine(affine: np.ndarray, what: str | Path, unit: str = "mm") -> None:
    """Raise UserError unless an affine [4, 4] in mm is finite, not singular and of plausible voxels.

    what: what has it, for the message. unit: name of the unit that the file gives.
    """
    with np.errstate(all="ignore"):
        edges = np.linalg.norm(affine[:3, :3], axis=0)
        angles = abs(np.linalg.det(affine[:3, :3] / edges))
    if not np.isfinite(affine).all() or not (edges > 0).all() or not angles > MIN_DETERMINANT:
        raise UserError(
            f"{what} has an affine that is singular or not finite:\n{affine}\n"
            "  its header is damaged: take the image again from where it comes from"
        )
    if edges.min() < EDGES_MM[0] or edges.max() > EDGES_MM[1]:
        words = " x ".join(f"{edge:.6g}" for edge in edges)
        raise UserError(
            f"{what} has voxels of {words} mm; its header says {unit}\n"
            f"  expected {EDGES_MM[0]:g} to {EDGES_MM[1]:g} mm: correct the voxel size, or the unit (xyzt_units)"
        )


def _data(header, shape, dtype, streams, keep: bool = True) -> bytearray:
    """Bytes of the values, and the file read to its end; nothing is kept where `keep` is False."""
    stream, position = streams
    start, size = header.get_data_offset(), int(np.prod(shape, dtype=object)) * dtype.itemsize
    if start < position:
        raise ValueError(f"its values begin at byte {start}, inside its header")
    for _ in _pieces(stream, start - position):
        pass
    data = bytearray()
    for piece in _pieces(stream, size):
        if keep:
            data += piece
    if more := _drain(stream):
        raise ValueError(f"it has {more:,} bytes more than the {start + size:,} that its header promises")
    return data


def _pieces(stream, size: int) -> Iterator[bytes]:
    left = size
    while left:
        piece = stream.read(min(left, _CHUNK))
        if not piece:
            raise EOFError(f"it ends {left:,} bytes before the end that its header promises: it is cut")
        left -= len(piece)
        yield piece


def _drain(stream) -> int:
    """Number of bytes that are left in a stream. Reads them: the checksum of gzip comes last."""
    count = 0
    while piece := stream.read(_CHUNK):
        count += len(piece)
    return count


def _scaled(path, header, shape, dtype, data: bytearray) -> np.ndarray:
    from nibabel.volumeutils import apply_read_scaling

    stored = np.frombuffer(data, dtype).reshape(shape, order="F")
    _check_slope(path, float(header["scl_slope"]), stored)
    slope, inter = header.get_slope_inter()
    return apply_read_scaling(stored, 1.0 if slope is None else slope, 0.0 if inter is None else inter)


def _check_slope(path, slope: float, stored: np.ndarray) -> None:
    """Raise UserError for a slope that no image has; 0 and, as nibabel writes it, NaN mean that there is none."""
    if slope == 0 or np.isnan(slope) or SLOPES[0] <= abs(slope) <= SLOPES[1]:
        return
    finite = stored[np.isfinite(stored)]
    values = f", its stored values {finite.min():.4g} to {finite.max():.4g}" if finite.size else ""
    raise UserError(
        f"{path} has the slope (scl_slope) {slope:.4g}{values}\n"
        f"  expected {SLOPES[0]:g} to {SLOPES[1]:g}, or 0 for none: its header is damaged, take the image again from"
        " where it comes from"
    )
