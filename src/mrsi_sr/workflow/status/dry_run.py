"""Dry run of the workflow by Snakemake itself, in this process: which jobs it would run, and why."""

import logging
import shlex
from dataclasses import dataclass
from itertools import dropwhile
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
from mrsi_sr.results.outputs import read_record, record_of
from mrsi_sr.settings.base import as_json
from mrsi_sr.settings.text import read_yaml
from mrsi_sr.workflow.estimate.rates import THREADS
from mrsi_sr.workflow.start import absent
from mrsi_sr.workflow.status import causes
from mrsi_sr.workflow.status.report import DryRun, Job


@dataclass(frozen=True)
class Invocation:
    """Options of a Snakemake command line that decide which jobs it would run."""

    config: list[str]  # configuration files, later ones on top
    overrides: dict  # single keys on top of them
    max_checksum_file_size: int  # bytes; larger inputs are compared by their time
    rerun_triggers: list[str]
    deployment: list[str]  # how software is deployed: conda, apptainer, env-modules

    @classmethod
    def of(cls, workflow) -> "Invocation":
        """Options of the Snakemake that reads a Snakefile, from that file's `workflow`."""
        return cls(
            config=[str(path) for path in workflow.configfiles],
            overrides=dict(workflow.config_settings.config),
            max_checksum_file_size=workflow.dag_settings.max_checksum_file_size,
            rerun_triggers=[trigger.item_to_choice() for trigger in workflow.dag_settings.rerun_triggers],
            deployment=[method.item_to_choice() for method in workflow.deployment_settings.deployment_method],
        )

    def flags(self) -> str:
        """The options as arguments of status.py."""
        words = ["--config", *self.config]
        for key, value in self.overrides.items():
            words += ["--set", f"{key}={as_json(value)}"]
        words += ["--max-checksum-file-size", str(self.max_checksum_file_size)]
        words += ["--rerun-triggers", *sorted(self.rerun_triggers)]
        if self.deployment:
            words += ["--software-deployment-method", *sorted(self.deployment)]
        return shlex.join(words)


def places_of(workflow) -> str:
    """Flags of estimate.py: how many jobs the Snakemake that reads a Snakefile runs at a time, and whether here."""
    cluster, limits = workflow.executor_plugin.name != "local", workflow.global_resources
    jobs = limits["_nodes"].value if cluster else max((limits["_cores"].value or 1) // THREADS, 1)
    gpus = min(limits["gpu"].value, jobs) if "gpu" in limits else jobs
    return shlex.join(["--jobs", str(jobs), "--gpus", str(max(gpus, 1)), *(["--cluster"] if cluster else [])])


def dry_run(invocation: Invocation) -> DryRun:
    """Dry run of the default targets: every job, in the order of the data's flow.

    Raises UserError with Snakemake's own message where it cannot plan, as when a scan's file is missing.
    """
    output = OutputSettings(
        dryrun=True, quiet={Quietness.RULES, Quietness.PROGRESS}, log_level_override=logging.CRITICAL,
        enable_file_logging=False,
    )  # fmt: skip
    for path in invocation.config:
        read_yaml(path, "the configuration")  # Snakemake's own reader does not survive one that refers to itself
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
        chosen = {
            name: {participant: asked.scans[participant]["fold"] for participant in asked.participants_of(name)}
            for name in asked.configuration.experiments
        }
        absent_files = [" ".join(each) for each in absent(asked)]
        return DryRun(asked.configuration, workflow.async_run(_jobs(workflow, asked)), absent_files, chosen)


async def _jobs(workflow, asked) -> list[Job]:
    """The DAG's jobs as plain facts. asked: the plan of today's configuration."""
    dag = workflow.dag
    ordered = [job for level in dag.toposorted() for job in level if job.output]
    number = {job: position for position, job in enumerate(ordered)}
    jobs = []
    for job in ordered:
        above = list(dag.dependencies[job])
        missing = not all([await file.exists() for file in job.output])
        lines: list[str] = []
        if dag.needrun(job) and not missing:
            lines = [*await _causes_by_snakemake(workflow, job), *_causes_by_provenance(job, asked)]
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


def _causes_by_provenance(job, asked) -> list[str]:
    """What the command and the code of a result were, and are today."""
    record = read_record(record_of(job.output))
    if not {"command", "code"} <= record.keys():
        return ["its provenance does not say how it was made"]
    script, *today = dropwhile(lambda word: not word.endswith(".py"), shlex.split(job.shellcmd))
    row = asked.scans.get(job.wildcards_dict.get("participant"), {})
    settings = job.wildcards_dict, asked.configuration, row
    return [
        *causes.of_command(Path(script).stem, record["command"], today, *settings),
        *causes.of_code(record["code"], asked.code(job.rule.name, job.wildcards)),
    ]


async def _causes_by_snakemake(workflow, job) -> list[str]:
    """Causes that lie outside a result's command: of its inputs, its software, and of a start that was broken off."""
    records, triggers, lines = workflow.persistence, workflow.rerun_triggers, []
    if not workflow.dag.forcefiles.isdisjoint(job.output):
        lines.append("Snakemake was stopped before it could record this result as finished")
    if RerunTrigger.MTIME in triggers:
        lines += [f"input changed: {file}" for file in await _changed_files(workflow.dag, job)]
    if RerunTrigger.SOFTWARE_ENV in triggers and records.has_metadata(job) and any(records.software_stack_changed(job)):
        lines.append(f"the software environment of rule {job.rule.name} changed")
    return lines


async def _changed_files(dag, job) -> list:
    """The inputs that are newer than a job's results, of other content than then, and not about to be made again."""
    oldest, changed = await job.output_mintime, []
    made_again = {file for other, files in dag.dependencies[job].items() if dag.needrun(other) for file in files}
    for file in job.input:
        if file in made_again or not await file.exists() or not await file.is_newer(oldest):
            continue
        recorded = dag.workflow.persistence.input_checksums(job, file)
        same = len(recorded) == 1 and await file.is_same_checksum(recorded.pop(), dag.max_checksum_file_size)
        changed += [] if same else [file]
    return changed
