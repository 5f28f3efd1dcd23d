"""Words in the names of map files: what quantity a file shows, and of which other metabolites.

A name's words are also looked at in parts, split at case changes and digits (`CRLBabs`, `NAA_Ratio2Cr`). Not looked at
are the entities of BIDS that name no quantity (`space-std`, `sub-sd04`), and words that only tell how a map was made
(`mask_applied`, `pre_tumor_resection`).
"""

import re
from collections.abc import Iterable

from mrsi_sr.lcmodel.metabolites import known_names, metabolite_parts

# Words that say what quantity a file shows, by kind of map; the last line: none that is read.
QUANTITIES = {
    "sd": {"sd", "sds", "crlb", "crb", "cramer", "rao", "cramerrao", "std", "stdev", "stddev", "stderr", "se", "sem",
           "err", "error", "uncert", "uncertainty", "uncertainties", "deviation", "var", "variance", "cv", "cov",
           "covariance", "sigma"},
    "snr": {"snr", "signaltonoise"},
    "fwhm": {"fwhm", "hwhm", "lw", "linewidth"},
    "brain_mask": {"mask", "brainmask"},
    "": {"ratio", "rel", "relative", "internal", "over", "div", "vs", "diff", "difference", "qmask", "lesion",
         "tumor", "tumour", "percent", "pct", "change", "resid", "confidence", "qc", "status", "flag", "residual",
         "chisq", "pval", "pvalue", "zscore", "zmap", "zstat", "tscore", "tmap", "tstat", "percentile"},
}  # fmt: skip
# Words of masks that are of a part of the head, not of the brain.
PARTS_OF_HEAD = {
    "ventricle", "ventricles", "ventricular", "csf", "gm", "wm", "gray", "grey", "white", "roi", "skull", "scalp",
    "lipid", "fat", "edema", "oedema", "necrosis", "cerebellum", "brainstem", "hippocampus", "thalamus", "cortex",
    "cortical", "subcortical", "vessel", "vessels", "air", "background", "hemisphere", "left", "right", "quality",
}  # fmt: skip
# Words between a numerator and a denominator, or two parts of a sum.
JOINTS = {"to", "and", "plus", "by", "over", "per", "div", "vs", "ref", "wrt", "rel", "norm", "ratio", "rat"}
_FILLER = "(?:maps?|images?|img|vol|volume|values?|val|percent|perc|pct|hz|ppm|abs|absolute|relative|rel|raw|mean)*"
_QUANTITY = {
    kind: re.compile(_FILLER + f"(?:{'|'.join(word + 's?' * (len(word) > 2) for word in sorted(words))})" + _FILLER)
    for kind, words in QUANTITIES.items()
}
# Words that tell how a map was made where one of TREATMENTS is beside them.
_TREATED = {"mask", "brainmask", "lesion", "tumor", "tumour", "lip", "lipid", "lipids"}
TREATMENTS = {"applied", "removed", "removal", "resection", "suppressed", "suppression", "filled", "pre", "post", "no"}
_SUBSTANCE = re.compile(r"MM\d*[a-z]*|(?i:lips?\d*[a-z]?|lipids?|macromol\w*)")
_ENTITY = re.compile(r"(?<![A-Za-z0-9])(?:sub|ses|space|acq|run|rec|task|dir|res|den|atlas|tpl)-[A-Za-z0-9]+")
_SPLITS = (re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+"), re.compile(r"[A-Z]{2,}|[A-Z]?[a-z]+|\d+"))


def words_of(name: str) -> list[re.Match]:
    """The words of a file's path that may say what it shows."""
    entities = [found.span() for found in _ENTITY.finditer(name)]
    words = list(re.finditer(r"[A-Za-z0-9]+", name))
    words = [word for word in words if not any(start <= word.start() < end for start, end in entities)]
    return [word for position, word in enumerate(words) if not _is_treatment(words, position)]


def other_quantity(kind: str, words: Iterable[re.Match]) -> str:
    """The first of some words that names another quantity than the kind of map; empty for none."""
    before = ""
    for word in words:
        parts = _parts(word[0])
        if len(before) <= 6 and len(before + word[0]) > 3:  # std_dev, p_value, line_width
            parts.add((before + word[0]).casefold())
        others = (_QUANTITY[other] for other in QUANTITIES if other != kind)
        if any(other.fullmatch(part) for other in others for part in parts):
            return word[0]
        if kind == "brain_mask" and parts & PARTS_OF_HEAD:
            return word[0]
        before = word[0]
    return ""


def denominator(words: Iterable[re.Match]) -> str:
    """What in some words makes a map a ratio to a metabolite (toCr, RatToCr, 2Cr, crratio, per Cr); empty for none."""
    known, before = known_names(), ""
    for word in words:
        low = word[0].casefold()
        if before in JOINTS and low in known:
            return f"{before} {word[0]}"
        ends = (low[start + len(joint) :] for joint in (*JOINTS, "2") for start in _places(joint, low))
        starts = (low.removesuffix(joint) for joint in JOINTS if low.endswith(joint))
        if any(part in known for part in (*ends, *starts)):
            return word[0]
        before = low
    return ""


def is_another_metabolite(word: str, name: str, own: frozenset[str]) -> bool:
    """Whether a word beside a metabolite's name (own: its parts) is of another substance, or makes one (Cr-CH2)."""
    if _SUBSTANCE.fullmatch(word) and metabolite_parts(word) != own:
        return True
    known = known_names()
    return any(known.get(each.casefold(), own) != own for each in (word, word + name, name + word))


def _is_treatment(words: list[re.Match], position: int) -> bool:
    beside = words[max(0, position - 1) : position] + words[position + 1 : position + 2]
    return words[position][0].casefold() in _TREATED and any(word[0].casefold() in TREATMENTS for word in beside)


def _places(joint: str, word: str) -> list[int]:
    return [found.start() for found in re.finditer(f"(?={joint})", word)]


def _parts(word: str) -> set[str]:
    """A word and its parts, split at case changes and digits, in small letters."""
    return {word.casefold(), *(part.casefold() for split in _SPLITS for part in split.findall(word))}
