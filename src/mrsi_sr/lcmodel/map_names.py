"""Choice of the file of each ready-made map by patterns, for any file naming and metabolite spelling.

A wildcard must not make one map of another: what it stands for may not be a further metabolite beside the one that is
asked for (Glu in `conc_Glu_Gln.nii.gz`, NAA in `NAA_over_tCr.nii.gz`), nor another quantity (NAA in `NAA_sd.nii.gz`).
What a pattern spells out itself is taken at its word.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel import map_words
from mrsi_sr.lcmodel.folders import listing
from mrsi_sr.lcmodel.metabolites import metabolite_parts, spellings
from mrsi_sr.scan import nifti

PER_METABOLITE = ("value", "sd")
PER_SCAN = ("snr", "fwhm", "brain_mask")
NAMES_SHOWN = 12
_ENDING, _PAIR, _DATA, _HEADER = (
    re.compile(rf"\.({words})(\.gz)?$", re.IGNORECASE) for words in ("nii|img|hdr", "img|hdr", "img", "hdr")
)
Chosen = dict[str, dict[str, Path]]  # kind of map -> metabolite, or "" for maps of the whole scan -> file


def choose(folder: str | Path, patterns: dict[str, str], metabolites: Sequence[str]) -> Chosen:
    """Files of a scan's maps.

    patterns: path below the folder for `value` and, optionally, `sd`, `snr`, `fwhm` and `brain_mask`, with `*` and `?`
    as wildcards and `{metabolite}` for any spelling of the metabolite.
    Raises UserError for unknown keys, a pattern with no or several matching files, and one file for two maps.
    """
    folder = Path(folder)
    _check(folder, patterns)
    files = images(folder)
    chosen: Chosen = {kind: {} for kind in (*PER_METABOLITE, *PER_SCAN) if kind in patterns}
    for kind, maps in chosen.items():
        for metabolite in metabolites if kind in PER_METABOLITE else [""]:
            maps[metabolite] = folder / _file(kind, patterns[kind], files, folder, metabolite)
    _check_distinct(chosen)
    return chosen


def present(folder: str | Path, patterns: dict[str, str], metabolites: Sequence[str]) -> list[str]:
    """Those of the metabolites that have a file of their value. Raises UserError for unknown keys."""
    folder = Path(folder)
    _check(folder, patterns)
    files = images(folder)

    def has_file(metabolite: str) -> bool:
        found = _matching(patterns["value"], files, metabolite)
        return any(not _other("value", metabolite, match) for match in found.values())

    return [metabolite for metabolite in metabolites if has_file(metabolite)]


def _check_distinct(chosen: Chosen) -> None:
    """Raise UserError for a file, by whatever path, that would be two of the maps."""
    first: dict[str, str] = {}
    for kind, maps in chosen.items():
        for metabolite, path in maps.items():
            what = f"the {kind} map" + (f" of {metabolite}" if metabolite else "")
            image = _PAIR.sub("", str(path.resolve()))
            if (other := first.setdefault(image, what)) is not what:
                raise UserError(
                    f"{path} would be {other} and {what}\n  one file has one quantity: make the patterns differ"
                )


def files_of(chosen: Chosen) -> list[Path]:
    """Files that the maps consist of: of a pair, header and data. Raises UserError where one of a pair is missing."""
    return [file for maps in chosen.values() for path in maps.values() for file in nifti.files_of(path)]


def map_files(folder: str | Path, patterns: dict[str, str], metabolites: Sequence[str]) -> list[str]:
    """Files of a scan's maps as far as there are any, for the plan: what is wrong with them, ingestion says."""
    try:
        return sorted(map(str, files_of(choose(folder, patterns, metabolites))))
    except UserError:
        return []


def images(folder: str | Path) -> list[str]:
    """Names of the NIfTI files below a folder, sorted; none where there is no folder."""
    if not Path(folder).is_dir():
        return []
    names = (path[len(str(folder)) :].lstrip("/") for path in listing(str(folder)))
    return sorted(name for name in names if name.lower().endswith(nifti.ENDINGS))


def _check(folder: Path, patterns: dict[str, str]) -> None:
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder\n  --maps expects the folder of a scan's NIfTI maps")
    keys = (*PER_METABOLITE, *PER_SCAN)
    wrong = [key for key, pattern in patterns.items() if key not in keys or not isinstance(pattern, str)]
    if wrong or "value" not in patterns:
        raise UserError(
            f"--files must be JSON with a pattern (text) for value and, optionally, {', '.join(keys[1:])}\n"
            f"  {f'wrong here: {wrong[0]}' if wrong else 'value is not there'}"
        )
    for key in patterns:
        if ("{metabolite}" in patterns[key]) != (key in PER_METABOLITE):
            must = "must" if key in PER_METABOLITE else "must not"
            raise UserError(f"the pattern for {key} {must} have {{metabolite}} in it: {patterns[key]}")


def _file(kind: str, pattern: str, files: list[str], folder: Path, metabolite: str) -> str:
    found = _matching(pattern, files, metabolite)
    others = {file: other for file, match in found.items() if (other := _other(kind, metabolite, match))}
    matching = [file for file in found if file not in others]
    if len(matching) == 1:
        return matching[0]
    whose = f" of {metabolite}" if metabolite else ""
    if matching:
        raise UserError(
            f"{len(matching)} files are the {kind} map{whose} by the pattern {pattern!r}: {', '.join(matching)}\n"
            f"  in {folder}: make the pattern match one of them only"
        )
    available = ", ".join(files[:NAMES_SHOWN]) + (" ..." if len(files) > NAMES_SHOWN else "")
    accepted = f"\n  spellings of {{metabolite}}: {', '.join(sorted(spellings(metabolite)))}" if metabolite else ""
    left_out = "".join(f"\n  not taken: {file}, which is also of {other}" for file, other in others.items())
    raise UserError(
        f"no {kind} map{whose} in {folder} matches the pattern {pattern!r}\n"
        f"  the NIfTI files of the folder: {available or 'none'}{left_out}{accepted}"
    )


def _matching(pattern: str, files: list[str], metabolite: str) -> dict[str, re.Match]:
    """Files that a pattern matches, whatever letters their endings have; of a pair the data, where both match."""
    expression = re.compile(_expression(pattern, metabolite))
    found = {}
    for file in files:
        small = _ENDING.sub(lambda ending: ending[0].lower(), file)
        if match := expression.fullmatch(file) or expression.fullmatch(small):
            found[file] = match
    data = {_DATA.sub("", file) for file in found if _DATA.search(file)}
    return {file: found[file] for file in found if not _HEADER.search(file) or _HEADER.sub("", file) not in data}


def _expression(pattern: str, metabolite: str) -> str:
    """Regular expression of a pattern; next to a wildcard, `Glu` does not match a part of a longer name (`GluGln`).

    Each wildcard is a group, and `metabolite` one more.
    """
    before, name, after = pattern.partition("{metabolite}")
    text = _glob(before)
    if name:
        text += r"(?<![A-Za-z0-9+])" if not before or before[-1] in "*?" else ""
        words = "|".join(re.escape(spelling) for spelling in sorted(spellings(metabolite), reverse=True))
        text += f"(?P<metabolite>(?i:{words}))"
        text += r"(?![A-Za-z0-9+])" if after[:1] in ("*", "?") else ""
    return text + _glob(after)


def _glob(text: str) -> str:
    return "".join({"*": "([^/]*)", "?": "([^/])"}.get(letter, re.escape(letter)) for letter in text)


def _other(kind: str, metabolite: str, match: re.Match) -> str:
    """What else a file's name says that it shows, in words of it that wildcards stand for; empty where nothing."""
    groups = set(range(1, match.re.groups + 1)) - {match.re.groupindex.get("metabolite")}
    wild = [match.span(group) for group in groups]
    words = map_words.words_of(match.string)
    free = [word for word in words if any(start < word.end() and word.start() < end for start, end in wild)]
    return (
        map_words.other_quantity(kind, free)
        or map_words.denominator(free)
        or (_metabolite_beside(metabolite, match, words, free) if metabolite else "")
    )


def _metabolite_beside(metabolite: str, match: re.Match, words: list[re.Match], free: list[re.Match]) -> str:
    """The word beside the name that is another metabolite (Glu_Gln) or makes one of it (Cr-CH2); empty for none."""
    start, end = match.span("metabolite")
    own, name = metabolite_parts(metabolite), re.sub("[+_-]", "", match["metabolite"])
    words = [word for word in words if word[0].casefold() not in map_words.JOINTS]
    before = [word for word in words if word.end() <= start and "/" not in match.string[word.end() : start]]
    after = [word for word in words if word.start() >= end and "/" not in match.string[end : word.start()]]
    below = [word for word in words if "/" in match.string[end : word.start()]]  # NAA/NAA_Cr.nii
    for word in (*before[-1:], *after[:1], *below):
        if word in free and map_words.is_another_metabolite(word[0], name, own):
            return word[0]
    return ""
