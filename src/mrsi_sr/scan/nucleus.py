"""Nucleus of a spectroscopic image, where its file says it: NIfTI-MRS's header extension, or a BIDS sidecar."""

import json
import re
from pathlib import Path

from mrsi_sr.results.reading import read_json, reading
from mrsi_sr.scan.nifti import files_of

NIFTI_MRS = 44  # code of NIfTI-MRS's header extension
KEY = "ResonantNucleus"
_ENDING = re.compile(r"\.(nii|img|hdr)(\.gz)?$", re.IGNORECASE)


def nucleus_of(path: str | Path) -> str:
    """Nucleus that an image's header or sidecar names, such as 1H; several with commas; empty where neither does.

    Raises UserError for a header or a sidecar that cannot be read.
    """
    sidecar = Path(_ENDING.sub(".json", str(path)))
    named = _in_header(files_of(path)[0])
    if named is None and sidecar != Path(path) and sidecar.is_file():
        named = read_json(sidecar, "a sidecar of an image", "correct it, or move it away").get(KEY)
    return ",".join(map(str, named)) if isinstance(named, list) else str(named or "")


def _in_header(path: Path) -> list | str | None:
    import nibabel

    with reading(path, "a NIfTI image", "copy the file again"):
        extensions = nibabel.load(path).header.extensions
        mine = [extension for extension in extensions if extension.get_code() == NIFTI_MRS]
        content = json.loads(_text(mine[0])) if mine else {}
    return content.get(KEY) if isinstance(content, dict) else None


def _text(extension) -> str:
    content = extension.get_content()
    return content if isinstance(content, str) else bytes(content).rstrip(b"\0 ").decode()
