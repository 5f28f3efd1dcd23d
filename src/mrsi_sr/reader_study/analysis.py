"""Analysis of a reader study, from the readers' files to tables and figure: the work of reader_ratings.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrsi_sr.cli import log
from mrsi_sr.reader_study import ratings
from mrsi_sr.reader_study.agreement import agreement
from mrsi_sr.reader_study.ratings import ALL, READING
from mrsi_sr.reader_study.scale import NOT_APPLICABLE, ROLES, SCORES
from mrsi_sr.report.figures import ratings as figure
from mrsi_sr.results.files import writing
from mrsi_sr.results.outputs import check_outputs, read_record, record_of
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.settings.reader_study import ReaderStudySettings


@dataclass(frozen=True)
class Outputs:
    """Files of an analysis."""

    table: Path
    completeness: Path
    agreement: Path
    png: Path
    pdf: Path


def analyse(
    files: Sequence[Path], keys: Sequence[Path], settings: ReaderStudySettings, out: Outputs, code: dict[str, str]
) -> None:
    """Unblind readers' files and write tables and figure of them.

    files: CSV files that readers exported. keys: among them that of the study that the files are of. code: hashes of
    the code that can change the outputs. Raises UserError as ratings.study_of, key_of and unblinded do. What is missing
    is logged, counted in the completeness table and said in the figure's caption.
    """
    places = list(vars(out).values())
    check_outputs(places, [*files, *keys])
    path, key = ratings.key_of(ratings.study_of(files), keys)
    provenance = Provenance(settings.plain(), [*files, path], code=code)
    facts = read_record(record_of([path]))
    table = ratings.unblinded(files, key)
    complete = ratings.completeness(table)
    caption = _caption(table, complete, facts, settings)
    for line in _faults(complete, settings):
        log.warning("%s", line)
    with provenance.beside(*places, study=key[0].study):
        for frame, place in ((table, out.table), (complete, out.completeness), (agreement(table), out.agreement)):
            with writing(place) as temporary:
                frame.to_csv(temporary, index=False, float_format="%.4g", lineterminator="\n")
        figure.draw(_content(table, caption, facts, settings), out.png, out.pdf)


def _faults(complete: pd.DataFrame, settings: ReaderStudySettings) -> list[str]:
    """What readers have to be asked about: scores that are missing, and too short a wash-out."""
    lines = []
    for row in complete[complete.metric == ALL].itertuples():
        who = f"reader {row.reader}, session {row.session}"
        if row.missing:
            lines.append(f"{who}: {row.missing} of {row.asked} scores are missing")
        if row.weeks_since_session_before < settings.washout_weeks:
            lines.append(
                f"{who}: begun {row.weeks_since_session_before:.1f} weeks after the session before, expected at least"
                f" {settings.washout_weeks}"
            )
    return lines


def _content(table: pd.DataFrame, caption: str, facts: dict, settings: ReaderStudySettings) -> figure.Ratings:
    metrics = table.metric.unique().tolist()
    scores = [*map(str, SCORES), NOT_APPLICABLE]
    labels = facts.get("labels", {})
    panels = []
    for (reader, session), own in table.groupby(READING, sort=True):
        name = reader if session == 1 else f"{reader}, session {session}"
        for size in sorted(own["size"].unique(), reverse=True) if settings.by_size else [None]:
            part = own if size is None else own[own["size"] == size]
            row = name if size is None else f"{name}, {size}×{size}"
            for role, short in ROLES.items():
                found = pd.crosstab(part.metric[part.role == role], part.score[part.role == role])
                counts = found.reindex(index=metrics, columns=scores, fill_value=0)
                column = f"{short}: {labels[role]}" if role in labels else short
                panels.append(figure.Panel(row, column, counts.to_numpy(np.int64)))
    names = [*(f"{score} ({word})" for score, word in SCORES.items()), f"{NOT_APPLICABLE} (not applicable)"]
    return figure.Ratings(metrics, names, panels, caption)


def _caption(table: pd.DataFrame, complete: pd.DataFrame, facts: dict, settings: ReaderStudySettings) -> str:
    whole = complete[complete.metric == ALL]
    readers, slices = len({name.lower() for name in whole.reader}), table.case.nunique()
    missing = f" {whole.missing.sum()} of {whole.asked.sum()} scores are missing." if whole.missing.any() else ""
    phantom = " Simulated phantoms, not patients." if facts.get("phantom") else ""
    sizes = ", ".join(f"{size}×{size}" for size in sorted(table["size"].unique()))
    people = table.participant.nunique()
    return (
        f"{settings.title}: number of images that got each score, relative to the ground truth. {slices} slices of"
        f" {people} participant{'s' * (people > 1)}, {sizes}; {readers} reader{'s' * (readers > 1)}, blinded.{missing}"
        f" Experiment {facts.get('experiment')}, protocol {facts.get('protocol')}, cohort {facts.get('cohort')},"
        f" {facts.get('folds')}; study {table.study.iloc[0]}, configuration {facts.get('configuration')}.{phantom}"
    )
