"""What Snakemake would do now, and why, asked of Snakemake itself: a dry run in this process that runs nothing."""

import logging
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.exceptions import format_exception_to_string
from snakemake.settings.enums import Quietness
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    DeploymentMethod,
    DeploymentSettings,
    OutputSettings,
    RerunTrigger,
    ResourceSettings,
)

from mrsi_sr.cli import UserError
from mrsi_sr.settings.base import as_json
from mrsi_sr.workflow.cohort import SIMULATED
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.status import causes
from mrsi_sr.workflow.status.report import Job, Plan

SCAN_FILES = ("lcmodel", "maps", "reference", "t1", "flair", "brain_mask", "lesion")  # columns that hold paths


@dataclass(frozen=True)
class Invocation:
    """Those options of a Snakemake command line that decide what it would run."""

    config: list[str]  # configuration files, later ones on top
    overrides: dict  # single keys on top of them
    max_checksum_file_size: int  # bytes; larger inputs are compared by their time
    rerun_triggers: list[str]
    deployment: list[str]  # how software is deployed: conda, apptainer, env-modules

    @classmethod
    def of(cls, workflow) -> "Invocation":
        """The options of the Snakemake that is reading a Snakefile, from that one's `workflow`."""
        return cls(
            config=[str(path) for path in workflow.configfiles],
            overrides=dict(workflow.config_settings.config),
            max_checksum_file_size=workflow.dag_settings.max_checksum_file_size,
            rerun_triggers=[trigger.item_to_choice() for trigger in workflow.dag_settings.rerun_triggers],
            deployment=[method.item_to_choice() for method in workflow.deployment_settings.deployment_method],
        )

    def flags(self) -> str:
        """The same as status.py's command line."""
        words = ["--config", *self.config]
        for key, value in self.overrides.items():
            words += ["--set", f"{key}={as_json(value)}"]
        words += ["--max-checksum-file-size", str(self.max_checksum_file_size)]
        words += ["--rerun-triggers", *sorted(self.rerun_triggers)]
        if self.deployment:
            words += ["--software-deployment-method", *sorted(self.deployment)]
        return shlex.join(words)


def plan(invocation: Invocation) -> Plan:
    """Every job of the default targets, to be run or not, in the order of the data's flow.

    Raises UserError with Snakemake's own message where it cannot plan, as when a scan's file is missing.
    """
    output = OutputSettings(
        dryrun=True, quiet={Quietness.RULES, Quietness.PROGRESS}, log_level_override=logging.CRITICAL,
        enable_file_logging=False,
    )  # fmt: skip
    for path in invocation.config:
        if not Path(path).is_file():
            raise UserError(f"there is no configuration file {path}")
    workflow = None
    with SnakemakeApi(output) as api:
        try:
            dry = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(
                    configfiles=[Path(path) for path in invocation.config], config=invocation.overrides
                ),
                deployment_settings=DeploymentSettings(
                    deployment_method=DeploymentMethod.parse_choices_set(invocation.deployment)
                ),
            )
            workflow = dry._workflow
            # force_incomplete is --rerun-incomplete, which the profiles have.
            settings = DAGSettings(
                force_incomplete=True, max_checksum_file_size=invocation.max_checksum_file_size,
                rerun_triggers=RerunTrigger.parse_choices_set(invocation.rerun_triggers),
            )  # fmt: skip
            dry.dag(settings).execute_workflow(executor="dryrun")
        except Exception as error:  # as Snakemake's own command line does: a Snakefile may raise anything
            said = format_exception_to_string(error, workflow.linemaps if workflow else None).strip()
            raise UserError(f"Snakemake cannot plan the workflow\n{said}") from error
        asked = workflow.globals["plan"]
        return Plan(asked.configuration, workflow.async_run(_jobs(workflow, asked.configuration)), _absent(asked.scans))


def _absent(scans: dict[str, dict[str, str]]) -> list[str]:
    """The scans' own files that are not there.

    Snakemake says so itself only where a result must be made from one. Results that were, before, it takes as given.
    """
    return [
        f"{participant}: {column} {row[column]}"
        for participant, row in scans.items()
        for column in SCAN_FILES
        if row[column] and not Path(row[column]).is_relative_to(SIMULATED) and not Path(row[column]).exists()
    ]


async def _jobs(workflow, configuration: Configuration) -> list[Job]:
    """The DAG's jobs as plain facts."""
    dag = workflow.dag
    ordered = [job for level in dag.toposorted() for job in level if job.output]
    number = {job: position for position, job in enumerate(ordered)}
    participant_of = causes.participant_finder(
        (job.wildcards_dict["participant"], str(file))
        for job in ordered
        for file in job.output
        if "participant" in job.wildcards_dict
    )
    jobs = []
    for job in ordered:
        above = list(dag.dependencies[job])
        missing = not all([await file.exists() for file in job.output])
        lines: Iterable[str] = ()
        if dag.needrun(job) and not missing:
            lines = [line async for line in _causes(workflow, job, configuration, participant_of)]
            if not lines and not any(dag.needrun(other) for other in above):
                lines = [f"Snakemake says: {name}" for name in dag.reason(job).get_names()]
        jobs.append(
            Job(
                rule=job.rule.name,
                wildcards=dict(job.wildcards_dict),
                needed=dag.needrun(job),
                missing=missing,
                above=frozenset(number[other] for other in above),
                causes=tuple(dict.fromkeys(lines)),
                outputs=tuple(map(str, job.output)),
            )
        )
    return jobs


async def _causes(workflow, job, configuration: Configuration, participant_of):
    """Why a job must run again, apart from the jobs before it: each cause as a line.

    Snakemake itself stops at a job's first reason and does not look at the jobs that follow from it.
    """
    records, triggers = workflow.persistence, workflow.rerun_triggers
    if not workflow.dag.forcefiles.isdisjoint(job.output):
        yield "Snakemake was stopped before it could record this result as finished"
    if RerunTrigger.MTIME in triggers:
        async for file in _changed_files(workflow.dag, job):
            yield causes.of_changed_file(str(file))
    if not records.has_metadata(job) or records.has_outdated_metadata(job):
        return
    if RerunTrigger.PARAMS in triggers and (change := records.params_changed(job)):
        today = {name: value for name, value in job.params.items() if repr(value) in change.only_new}
        for line in causes.of_params(
            job.rule.name, job.wildcards_dict, change.only_old, today, configuration, participant_of
        ):
            yield line
    if RerunTrigger.INPUT in triggers:
        today = [str(file) for file in job.input]
        for output in records.input_changed(job):
            for line in causes.of_inputs(records.input(output), today, participant_of):
                yield line
    if RerunTrigger.CODE in triggers and any(records.code_changed(job)):
        yield f"the command of rule {job.rule.name} changed"
    if RerunTrigger.SOFTWARE_ENV in triggers and any(records.software_stack_changed(job)):
        yield f"the software environment of rule {job.rule.name} changed"


async def _changed_files(dag, job):
    """The inputs that are newer than a job's results, of other content than then, and not about to be made again."""
    oldest = await job.output_mintime
    made_again = {file for other, files in dag.dependencies[job].items() if dag.needrun(other) for file in files}
    for file in job.input:
        if file in made_again or not await file.exists() or not await file.is_newer(oldest):
            continue
        recorded = dag.workflow.persistence.input_checksums(job, file)
        same = len(recorded) == 1 and await file.is_same_checksum(recorded.pop(), dag.max_checksum_file_size)
        if not same:
            yield file
