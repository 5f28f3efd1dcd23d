"""Checks at the start of a workflow, by its main process alone."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

from snakemake.exceptions import WorkflowError

from mrsi_sr.cli import UserError
from mrsi_sr.workflow import participants
from mrsi_sr.workflow.cohort import is_simulated
from mrsi_sr.workflow.plan import Plan
from mrsi_sr.workflow.records import recorded_parameters

NAMES_SHOWN = 20


def check_place(clone: str | Path) -> None:
    """Raise UserError where Snakemake does not work in the clone, where rules look for scripts, logs and results."""
    if not Path(clone).samefile(Path.cwd()):
        raise UserError(
            f"Snakemake works in {Path.cwd()}, expected the clone of mrsi-sr that the Snakefile is in\n"
            f"  cd {clone}, and run snakemake there, without --directory\n"
            "  to keep results elsewhere, make results a link to a folder there"
        )


def check(plan: Plan) -> list[str]:
    """What a workflow's log says at its start: who is left out, and which files of archived results are gone.

    Raises UserError that lists the files which the configuration and the participants table name and that are not
    there, but for those that existing results were made from.
    """
    gone = absent(plan)
    missing = [f"{where} {path}" for where, path in gone if not plan.contents.of(path)]
    if missing:
        raise UserError(
            _listed(f"{_files(len(missing))} not there, or cannot be seen from here", missing)
            + f"\n  correct {plan.cohort.participants} or the configuration, or leave the scan out (exclude)"
        )
    _check_archived(plan, {where.partition(":")[0] for where, _ in gone} & set(plan.scans))
    lines = [participants.summary(plan.rows)]
    if gone:
        kept = [f"{where} {path}" for where, path in gone]
        lines.append(_listed(f"{_files(len(gone))} not there any more; results made from them are kept", kept))
    return lines


def _check_archived(plan: Plan, names: set[str]) -> None:
    """Raise UserError where results of scans whose files are gone are not of today's settings and code.

    Snakemake takes such results as given, so that today's configuration would be studied with scans of another.
    """
    protocols = {experiment.protocol for experiment in plan.configuration.experiments.values()}
    for name in sorted(names):
        today = plan.lineage("truncate")(SimpleNamespace(participant=name))
        for protocol in sorted(protocols):
            recorded = recorded_parameters(f"{plan.folder}/{name}/low_resolution-{protocol}.npz")
            if recorded is not None and repr(today) not in recorded:
                raise UserError(
                    f"files of {name} are not there any more, and its results were made with other settings or code\n"
                    "  put them back, return to the configuration and version of then, or leave the scan out (exclude)"
                )


def if_cohort_fits(plan: Plan, targets: list[str], fold: int | None = None) -> Callable:
    """Input function of a rule that needs the experiments: its targets, where the cohort has what those ask of it.

    fold: the fold to be run; None: all of them. The function raises Snakemake's WorkflowError.
    """

    def checked(wildcards) -> list[str]:
        try:
            plan.check_against_cohort(fold)
        except UserError as error:
            raise WorkflowError(str(error)) from None
        return targets

    return checked


def scans_if_any(plan: Plan) -> Callable:
    """Input function of the target that super-resolves new scans: the record of each, and their page.

    The function raises Snakemake's WorkflowError where the configuration has no scans.
    """

    def checked(wildcards) -> list[str]:
        if plan.new_scans.settings is None:
            raise WorkflowError(
                "the configuration has no section scans, which says what is super-resolved\n"
                "  add scans: {method: NAME} to your file; docs/new_scan.md shows how"
            )
        try:
            plan.check_for_scans()
        except UserError as error:
            raise WorkflowError(str(error)) from None
        return plan.new_scans.targets()

    return checked


def pages_if_participants(plan: Plan) -> Callable:
    """Input function of the target that makes reader studies: their pages, where enough participants are tested.

    The function raises Snakemake's WorkflowError.
    """

    def checked(wildcards) -> list[str]:
        pages = if_cohort_fits(plan, plan.reader_studies.pages())(wildcards)
        try:
            plan.reader_studies.check(plan.tested)
        except UserError as error:
            raise WorkflowError(str(error)) from None
        return pages

    return checked


def ratings_if_any(plan: Plan) -> Callable:
    """Input function of the target that analyses reader studies: the figure of each that has ratings.

    The function raises Snakemake's WorkflowError where none has.
    """

    def checked(wildcards) -> list[str]:
        try:
            return plan.reader_studies.rated()
        except UserError as error:
            raise WorkflowError(str(error)) from None

    return checked


def absent(plan: Plan) -> list[tuple[str, str]]:
    """Files that the configuration and the participants table name and that do not exist, with the place of each."""
    return [(where, path) for where, path in _named(plan) if not os.access(path, os.F_OK)]


def _named(plan: Plan) -> Iterator[tuple[str, str]]:
    """Files that the workflow reads and does not make."""
    for name, row in plan.scans.items():
        maps = plan.cohort.quality.external_maps(name)
        columns = {column: row[column] for column in participants.FILES}
        for key, path in (columns | {f"cohort.quality.{kind}_map": path for kind, path in maps.items()}).items():
            if path and not is_simulated(path):
                # Of a folder of maps that is gone, the files that existing results were made from.
                gone = key == "maps" and not Path(path).exists()
                yield from ((f"{name}: {key}", each) for each in (plan.maps_of(name) if gone else [path]))
    yield from plan.new_scans.named()
    yield from (("lpips:", path) for path in plan.lpips.sources())


def _files(number: int) -> str:
    return "1 file is" if number == 1 else f"{number:,} files are"


def _listed(title: str, lines: list[str]) -> str:
    more = [f"and {len(lines) - NAMES_SHOWN:,} more"] if len(lines) > NAMES_SHOWN else []
    return "\n    ".join([f"{title}:", *lines[:NAMES_SHOWN], *more])
