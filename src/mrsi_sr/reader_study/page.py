"""Page of a reader study: one HTML file that works offline, and in which nothing says which image is which."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import matplotlib
import numpy as np

from mrsi_sr.reader_study.design import Case, balanced_sides
from mrsi_sr.reader_study.images import CaseImages, Picture
from mrsi_sr.reader_study.key import KeyRow
from mrsi_sr.reader_study.scale import NOT_APPLICABLE, OVERALL, ROLES, SCORES
from mrsi_sr.report.figures import style
from mrsi_sr.report.pages import document
from mrsi_sr.settings.reader_study import ReaderStudySettings

SCRIPTS = ("draw.js", "ratings.js", "screens.js")
LOW, HIGH = ROLES
SIDES, SETS = ("left", "right"), ("A", "B")
TITLE = "Reader study of metabolic maps"


@dataclass(frozen=True)
class Blinded:
    """A study's page as HTML, and its key."""

    study: str
    html: str
    key: list[KeyRow]


def blinded(
    images: dict[Case, CaseImages], folds: dict[str, int], settings: ReaderStudySettings, random: np.random.Generator
) -> Blinded:
    """The page of a study's cases and its key. folds: of the participants.

    The order of the cases and the side of each image are random; the super-resolved image is the first one in half of
    the pairs. The study is named after the page's images alone.
    """
    cases = list(images)
    cases = [cases[i] for i in random.permutation(len(cases))]
    pairs = iter(balanced_sides(sum(len(images[case].pictures) for case in cases), random))
    sets = iter(balanced_sides(len(cases), random))
    shown, rows = [], []
    for number, case in enumerate(cases, 1):
        own = [_first_two(next(pairs)) for _ in images[case].pictures]
        overall = _first_two(next(sets))
        shown.append(_shown(str(number), images[case], own, overall))
        rows.append(_rows(str(number), case, images[case].pictures, own, overall))
    metabolites = [picture.metabolite for picture in images[cases[0]].pictures]
    content = {"cases": shown, "metabolites": metabolites, "overall": OVERALL, "unit": images[cases[0]].unit,
               "phantom": settings.phantom}  # fmt: skip
    study = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    methods = {role: getattr(settings, role) for role in ROLES}
    key = [
        KeyRow(study, number, metric, image, role, methods[role], case.participant, case.slice, case.size,
               folds[case.participant])
        for each in rows
        for number, case, metric, image, role in each
    ]  # fmt: skip
    return Blinded(study, _html(content | {"study": study, "washoutWeeks": settings.washout_weeks}), key)


def _first_two(super_resolved_first: bool) -> tuple[str, str]:
    """Roles of the first and of the second image."""
    return (HIGH, LOW) if super_resolved_first else (LOW, HIGH)


def _shown(number: str, images: CaseImages, own: Sequence[tuple[str, str]], overall: tuple[str, str]) -> dict:
    """A case as the page's scripts read it. sets: for A and B, which of each metabolite's two images belongs to it."""
    return {
        "case": number, "side": images.side, "shape": list(images.pictures[0].truth.shape),
        "mri": {"T1": _base64(images.t1), "FLAIR": _base64(images.flair)},
        "maps": [
            {"metabolite": picture.metabolite, "high": float(f"{picture.high:.4g}"), "truth": _base64(picture.truth),
             "images": [_base64(picture.by_role[role]) for role in roles]}
            for picture, roles in zip(images.pictures, own, strict=True)
        ],
        "sets": [[roles.index(role) for roles in own] for role in overall],
    }  # fmt: skip


def _rows(
    number: str, case: Case, pictures: Sequence[Picture], own: Sequence[tuple[str, str]], overall: tuple[str, str]
) -> list[tuple]:
    """Case, metric, image and role of every score of a case."""
    named = {picture.metabolite: zip(SIDES, roles, strict=True) for picture, roles in zip(pictures, own, strict=True)}
    named |= {metric: zip(SETS, overall, strict=True) for metric in OVERALL}
    return [(number, case, metric, image, role) for metric, pair in named.items() for image, role in pair]


def _html(content: dict) -> str:
    content |= {"scores": {str(score): word for score, word in SCORES.items()}, "notApplicable": NOT_APPLICABLE}
    colours = matplotlib.colormaps[style.METABOLITE_COLOUR_MAP](np.arange(256), bytes=True)[:, :3]
    content["colours"] = _base64(colours)
    data = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")  # no script element ends in it
    phantom = '<p class="phantom">Simulated phantoms, not patients.</p>' if content["phantom"] else ""
    sections = [
        f"<style>\n{_web('study.css')}</style>",
        phantom,
        _web("study.html"),
        f'<script type="application/json" id="content">{data}</script>',
        *(f"<script>\n{_web(name)}</script>" for name in SCRIPTS),
    ]
    return document(TITLE, f"study {content['study']}", sections)


def _web(name: str) -> str:
    return files("mrsi_sr.reader_study").joinpath("web", name).read_text(encoding="utf-8")


def _base64(values: np.ndarray) -> str:
    """Bytes of an image without compression: equal shapes are texts of equal length, whatever they show."""
    return base64.b64encode(np.ascontiguousarray(values, np.uint8).tobytes()).decode()
