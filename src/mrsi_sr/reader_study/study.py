"""Making of a reader study, from samples to the readers' page: the work of reader_study.py."""

from collections.abc import Sequence
from pathlib import Path

from mrsi_sr.cli import log
from mrsi_sr.reader_study import key as keys
from mrsi_sr.reader_study.design import draw, enough, generator
from mrsi_sr.reader_study.images import Sources, candidates, images_of, sources
from mrsi_sr.reader_study.methods_text import methods_text
from mrsi_sr.reader_study.page import blinded
from mrsi_sr.reader_study.scale import ROLES
from mrsi_sr.results.files import checksum, writing
from mrsi_sr.results.outputs import check_outputs
from mrsi_sr.results.provenance import Provenance, fingerprint
from mrsi_sr.settings.reader_study import ReaderStudySettings

KEYS = "keys"  # folder beside the key where the keys of all pages are kept, by the name of their study


def make(
    folders: Sequence[Path], slices: Sequence[str], settings: ReaderStudySettings, *, page: Path, key: Path,
    methods: Path, code: dict[str, str],
) -> None:  # fmt: skip
    """Draw a reader study and write its page, its key, and its text for the methods section.

    folders: of samples of both methods and all folds. slices: files of slices, at least those of the participants.
    page, key, methods: files to write. code: hashes of the code that can change them. A copy of the key is kept in
    keys/STUDY.csv, for ratings that come in after another page has taken the place of this one.
    Raises UserError as images.sources does, and where there are too few slices.
    """
    check_outputs([key, page, methods], [*folders, *slices])
    given = sources(folders, slices, settings)
    read = [given.samples(role, name) for role in ROLES for name in given.slices]
    provenance = Provenance(settings.plain(), [*read, *given.slices.values()], code=code)
    there = candidates(given, settings)
    cases = draw(there, settings)
    # The sides follow from the full precision of the maps, which the page does not have: not even the code tells them.
    random = generator("sides", settings.seed, *(checksum(path) for path in read))
    folds = {name: given.fold_of(name) for name in given.slices}
    images = images_of(cases, given)
    made = blinded(images, folds, settings, random)
    metabolites = [picture.metabolite for picture in images[cases[0]].pictures]
    facts = _facts(given, settings) | {"study": made.study, "metabolites": metabolites}
    copy = key.parent / KEYS / f"{made.study}.csv"
    with provenance.beside(copy, **facts):
        keys.write(made.key, copy)
    with provenance.beside(key, page, methods, **facts):
        keys.write(made.key, key)
        _write(methods_text(cases, len(enough(there, settings)), metabolites, facts, settings), methods)
        _write(made.html, page)
    log.info("study %s: %d slices, %d scores of each reader", made.study, len(cases), len(made.key))


def _facts(given: Sources, settings: ReaderStudySettings) -> dict:
    """Where the images come from, for captions."""
    records = given.records.values()
    folds = sorted({record["fold"] for record in records})
    subsets = [record["settings"].get("subset") or {} for record in records]
    seed = f", training seed {settings.training_seed}" if settings.training_seed is not None else ""
    return {
        "protocol": given.protocol,
        "folds": f"fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))}{seed}",
        "slices_sampled": min(filter(None, (subset.get("slices") for subset in subsets)), default=None),
        "configuration": fingerprint(
            *sorted([each["method"], each["fold"], each["settings"], each["networks"]] for each in records)
        ),
        "experiment": settings.experiment, "cohort": settings.cohort, "phantom": settings.phantom,
        "labels": {role: settings.label(getattr(settings, role)) for role in ROLES},
    }  # fmt: skip


def _write(text: str, path: Path) -> None:
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
