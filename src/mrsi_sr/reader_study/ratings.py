"""Readers' files: reading of the CSV that the page exports, unblinding by the key, and completeness."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.reader_study import key as keys
from mrsi_sr.reader_study.key import KeyRow
from mrsi_sr.reader_study.scale import NOT_APPLICABLE, SCORES
from mrsi_sr.results.reading import read_csv

COLUMNS = ("study", "reader", "session", "case", "metric", "image", "score", "rated_at")  # of web/ratings.js
ALLOWED = {*map(str, SCORES), NOT_APPLICABLE, ""}
READER = re.compile(r"[^\W_][\w .-]{,39}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
WHAT, TO_DO = "ratings that a reader study's page exported", "export the file from the page again"
ALL = "all"  # in place of a metric or a kind of image: all of them together
READING = ["reader", "session"]


def study_of(paths: Sequence[Path]) -> str:
    """Study that all files are of. Raises UserError where there is no file, or they are of several."""
    if not paths:
        raise UserError("no ratings: give the CSV files that readers exported from the page")
    found: dict[str, Path] = {}
    for path in paths:
        for study in dict.fromkeys(row["study"] for _, row in _rows(path)):
            found.setdefault(study, path)
    if len(found) > 1:
        shown = ", ".join(f"{study} ({path})" for study, path in found.items())
        raise UserError(f"the ratings are of several studies: {shown}\n  analyse those of each page by themselves")
    return next(iter(found))


def key_of(study: str, paths: Iterable[Path]) -> tuple[Path, list[KeyRow]]:
    """Key of a study among these files. Raises UserError where none is its key."""
    known = {}
    for path in paths:
        rows = keys.read(path)
        known[rows[0].study if rows else ""] = path, rows
    if study not in known:
        raise UserError(
            f"the ratings are of study {study}, and there is no key of it\n"
            f"  keys given: of {', '.join(known) or 'none'}; reader_study.py keeps each key in keys/STUDY.csv beside"
            " the page, and without it the ratings cannot be unblinded"
        )
    return known[study]


def unblinded(paths: Sequence[Path], key: Sequence[KeyRow]) -> pd.DataFrame:
    """Every score that each reading was asked for, with what its image is.

    Columns: reader, session, those of the key, score (text: 10 to 90, NA, or empty where it is missing), rated_at.
    Raises UserError for a row that is no rating of this study, and for two files of one reader and session.
    """
    by_asked = {row.asked: row for row in key}
    parts, origin = [], {}
    for path in paths:
        reading, scores = _read(path, by_asked)
        name = (reading[0].lower(), reading[1])
        if name in origin:
            raise UserError(
                f"{origin[name]} and {path} are both of reader {reading[0]}, session {reading[1]}\n"
                "  keep the one that is complete, or give the second reading its own session number"
            )
        origin[name] = path
        for row in key:
            score, time = scores.get(row.asked, ("", ""))
            parts.append(dict(zip(READING, reading, strict=True)) | asdict(row) | {"score": score, "rated_at": time})
    return pd.DataFrame(parts).sort_values(READING, kind="stable", ignore_index=True)


def completeness(table: pd.DataFrame) -> pd.DataFrame:
    """How much of each reading is there, by metric and over all of them, with its time and that since the one before.

    Columns: reader, session, metric, asked, scored, not_applicable, missing; in the rows of all metrics also begun,
    ended (times in UTC) and weeks_since_session_before.
    """
    rows = []
    ends: dict[str, pd.Timestamp] = {}
    for (reader, session), own in table.groupby(READING, sort=True):
        times = pd.to_datetime(own.rated_at[own.rated_at != ""])
        before = ends.get(reader.lower())
        weeks = (times.min() - before).days / 7 if before is not None and len(times) else None
        facts = {"begun": _day(times.min()), "ended": _day(times.max()), "weeks_since_session_before": weeks}
        rows.append({"reader": reader, "session": session, "metric": ALL, **_counts(own.score), **facts})
        for metric in own.metric.unique():
            counts = _counts(own.score[own.metric == metric])
            rows.append({"reader": reader, "session": session, "metric": metric, **counts})
        ends |= {reader.lower(): times.max()} if len(times) else {}
    return pd.DataFrame(rows)


def _counts(scores: pd.Series) -> dict[str, int]:
    missing, not_applicable = int((scores == "").sum()), int((scores == NOT_APPLICABLE).sum())
    return {
        "asked": len(scores), "scored": len(scores) - missing - not_applicable, "not_applicable": not_applicable,
        "missing": missing,
    }  # fmt: skip


def _day(time: pd.Timestamp) -> str:
    return "" if pd.isna(time) else time.strftime("%Y-%m-%d %H:%M")


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    rows = read_csv(path, COLUMNS, WHAT, TO_DO)
    if not rows:
        raise UserError(f"{path} has no ratings\n  {TO_DO}")
    return rows


def _read(path: Path, by_asked: dict[tuple, KeyRow]) -> tuple[tuple[str, int], dict[tuple, tuple[str, str]]]:
    """Reader and session of a file, and score and time of each image that it has."""
    rows = _rows(path)
    first = rows[0][1]
    scores: dict[tuple, tuple[str, str]] = {}
    for line, row in rows:
        asked = row["case"], row["metric"], row["image"]
        wrong = _wrong_name(row, first) or _wrong_score(row)
        if asked not in by_asked or asked in scores:
            twice = "is there twice" if asked in scores else "is not asked for in this study"
            wrong = wrong or f"has the image {', '.join(asked)}, which {twice}"
        if wrong:
            raise UserError(f"{path}, line {line}, {wrong}\n  {TO_DO}")
        scores[asked] = row["score"], row["rated_at"]
    return (first["reader"], int(first["session"])), scores


def _wrong_name(row: dict[str, str], first: dict[str, str]) -> str:
    if any(row[name] != first[name] for name in ("study", *READING)):
        return "is of another study, reader or session than the first line: expected one reading in a file"
    if not READER.fullmatch(row["reader"]) or not re.fullmatch(r"[1-9]\d?", row["session"]):
        return f"has the reader {row['reader']!r} and the session {row['session']!r}, expected a name and 1 to 99"
    return ""


def _wrong_score(row: dict[str, str]) -> str:
    if row["score"] not in ALLOWED:
        return f"has the score {row['score']!r}, expected {', '.join(sorted(ALLOWED - {''}))} or nothing"
    if row["rated_at"] and not TIME.fullmatch(row["rated_at"]):
        return f"has the time {row['rated_at']!r}, expected one like 2026-03-01T10:00:00.000Z"
    return ""
