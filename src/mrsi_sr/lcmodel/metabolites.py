"""Metabolite names: combinations as sets of parts, synonyms, and the short names of the papers."""

from functools import cache
from itertools import permutations, product

from mrsi_sr.cli import UserError
from mrsi_sr.results.names import METABOLITE, check_name

COMBINATIONS = {
    "tCr": ("Cr", "PCr"),
    "tCho": ("GPC", "PCh"),
    "tNAA": ("NAA", "NAAG"),
    "Glx": ("Glu", "Gln"),
}
SYNONYMS = {"mI": "Ins", "mIns": "Ins", "mIno": "Ins", "Cre": "Cr", "PC": "PCh", "PCho": "PCh", "GPCho": "GPC"}
# Spellings in names of maps only: in a table, Cho is choline itself, beside GPC and PCh.
MAP_SPELLINGS = {"tCho": ("Cho",)}
# Other metabolites that LCModel fits and that lie beside these in folders of maps.
OTHERS = (
    "2HG", "Ace", "Acn", "Ala", "Asc", "Asp", "bHB", "Cit", "CrCH2", "Ethn", "EtOH", "GABA", "Glc", "Gly", "GSH", "Lac",
    "PE", "PEt", "Pyr", "Scyllo", "Ser", "sI", "sIns", "Suc", "Tau", "Thr",
)  # fmt: skip

_PARTS = {name.casefold(): parts for name, parts in COMBINATIONS.items()}
_SYNONYMS = {name.casefold(): other.casefold() for name, other in SYNONYMS.items()}


def metabolite_parts(name: str) -> frozenset[str]:
    """The single metabolites that a name stands for, in lower case; names with equal sets mean the same.

    `tCr`, `Cr+PCr`, `PCr+Cr` and `PCr+Cre` are all {cr, pcr}; `mI` and `Ins` are {ins}.
    """
    parts = set()
    for word in name.strip().casefold().split("+"):
        word = word.strip()
        for part in _PARTS.get(word, (word,)):
            part = part.casefold()
            parts.add(_SYNONYMS.get(part, part))
    return frozenset(parts)


def parse_names(text: str) -> list[str]:
    """Metabolite names in a comma-separated list. Raises UserError for none, or two names of one metabolite."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        check_name(name, "a metabolite in --metabolites", METABOLITE)
    if not names:
        raise UserError(f"--metabolites {text!r} names no metabolites\n  expected a comma-separated list: tCr,tCho,NAA")
    first: dict[frozenset[str], str] = {}
    for name in names:
        if (other := first.setdefault(metabolite_parts(name), name)) is not name:
            raise UserError(f"--metabolites names one metabolite twice: {other} and {name}")
    return names


def spellings(name: str) -> set[str]:
    """Spellings of a metabolite in file names, in lower case.

    The short name; the parts in any order and with their synonyms, joined by `+`, `-`, `_` or nothing (`crpcr`).
    """
    parts = metabolite_parts(name)
    shorts = {short for short in COMBINATIONS if metabolite_parts(short) == parts}
    found = {name.casefold(), *(word.casefold() for short in shorts for word in (short, *MAP_SPELLINGS.get(short, ())))}
    alternatives = [[part, *(other for other, known in _SYNONYMS.items() if known == part)] for part in sorted(parts)]
    for words in product(*alternatives):
        for order in permutations(words):
            found |= {glue.join(order) for glue in ("+", "-", "_", "")}
    return found


@cache
def known_names() -> dict[str, frozenset[str]]:
    """Every spelling in lower case of every metabolite known here -> its parts."""
    singles = {part for parts in COMBINATIONS.values() for part in parts} | set(SYNONYMS.values()) | set(OTHERS)
    return {spelling: metabolite_parts(name) for name in (*singles, *COMBINATIONS) for spelling in spellings(name)}


def definition(name: str) -> str:
    """Definition of a combination's short name, such as `tCho is GPC+PCh`; empty for any other name."""
    parts = next((parts for short, parts in COMBINATIONS.items() if short.casefold() == name.casefold()), None)
    return f"{name} is {'+'.join(parts)}" if parts else ""
