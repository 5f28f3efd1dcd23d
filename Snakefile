"""From LCModel output to super-resolved metabolic maps, and to the papers' tables and figures."""

import sys

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

sys.path.insert(0, f"{workflow.basedir}/src")  # the package of this clone, installed or not

from mrsi_sr.cli import UserError
from mrsi_sr.settings.text import read_yaml
from mrsi_sr.workflow import start
from mrsi_sr.workflow.failures import Failures
from mrsi_sr.workflow.records import set_aside_inventories_of_lost_files, keep_with_results, lock_results
from mrsi_sr.workflow.slurm import check_partition
from mrsi_sr.workflow.snapshot import started_with
from mrsi_sr.workflow.plan import Plan

try:
    start.check_place(workflow.basedir)
    if not workflow.config_settings.configfiles:
        read_yaml("config/config.yaml", "the configuration")  # Snakemake does not survive one that refers to itself
except UserError as error:
    raise WorkflowError(str(error))

if not workflow.config_settings.configfiles:

    configfile: "config/config.yaml"


try:
    plan = Plan(*started_with(config, workflow.configfiles))
    keep_with_results()
    if workflow.is_main_process:
        for line in start.check(plan):
            logger.info(line)
        set_aside_inventories_of_lost_files()
except UserError as error:
    raise WorkflowError(str(error))

failures = Failures()


onstart:
    try:
        if workflow.executor_plugin.name == "slurm":
            check_partition(workflow.dag.needrun_jobs())
        if any(job.rule.name not in ("status", "estimate") for job in workflow.dag.jobs):
            lock_results()
            plan.contents.keep()  # for the jobs, which else read every scan to know it
    except UserError as error:
        raise WorkflowError(str(error))
    failures.listen()


onsuccess:
    plan.contents.keep()


onerror:
    plan.contents.keep()
    failures.summarise(workflow.scheduler.failed)


# A prefix replaces Snakemake's own, bash's strict mode: without it a program's failure is lost in the pipe to its log.
# The package is used from the clone, also where a rule runs in an environment that it is not installed in. Threads that
# wait give their core away and freed memory is kept: without these two jobs on two cores are several times slower.
shell.prefix(
    "set -euo pipefail; export PYTHONPATH=src${{PYTHONPATH:+:$PYTHONPATH}} OMP_WAIT_POLICY=passive"
    " MALLOC_MMAP_THRESHOLD_=4000000000 MALLOC_TRIM_THRESHOLD_=8000000000; "
)


wildcard_constraints:
    cohort="[A-Za-z0-9_-]+",
    participant="[A-Za-z0-9_-]+",
    experiment="[A-Za-z0-9_]+",
    network="[A-Za-z0-9_]+",
    method="[A-Za-z0-9_]+",
    table="[A-Za-z0-9_]+",
    figure="[A-Za-z0-9_]+",
    page="(table-|figure-)[A-Za-z0-9_]+|claim|costs",
    study="[A-Za-z0-9_]+",
    probe="[A-Za-z0-9_]+",
    scan="sub-[A-Za-z0-9]+",
    fold=r"\d+(-seed-\d+)?",


report: "workflow/report/workflow.rst"


include: "workflow/rules/simulate.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/mri.smk"
include: "workflow/rules/mask.smk"
include: "workflow/rules/slices.smk"
include: "workflow/rules/truncate.smk"
include: "workflow/rules/folds.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/lpips.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/calibrate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/page.smk"
include: "workflow/rules/reader_study.smk"
include: "workflow/rules/probe.smk"
include: "workflow/rules/hand_over.smk"
include: "workflow/rules/super_resolve.smk"
include: "workflow/rules/status.smk"


rule all:
    default_target: True
    input:
        start.if_cohort_fits(plan, [*plan.tables(), *plan.figures(), *plan.pages(), *plan.calibrations()]),
        plan.losses(),
        plan.montages(),
        plan.cohort_summary(),
        start.if_cohort_fits(plan, plan.probes.tables()),
        plan.handed_over(),


# Before anything expensive: a line for each scan, and their table.
rule check:
    input:
        plan.check_table(),


rule cohort:
    input:
        plan.all_slices(),
        plan.montages(),
        plan.cohort_summary(),


# Pages of image pairs that radiologists rate blind; and, when their ratings are there, what they gave them.
rule reader_studies:
    input:
        start.pages_if_participants(plan),


rule ratings:
    input:
        start.ratings_if_any(plan),


# New scans, super-resolved with trained networks: those of the configuration's section `scans`.
rule scans:
    input:
        start.scans_if_any(plan),


# From scores alone: scans, networks and samples are not needed where scores are there.
rule tables:
    input:
        start.if_cohort_fits(plan, plan.tables()),


# From scores, and from the maps that were kept for them.
rule figures:
    input:
        start.if_cohort_fits(plan, plan.figures()),


# Lesions planted in and erased from the test scans, and what each method makes of them.
rule probes:
    input:
        start.if_cohort_fits(plan, plan.probes.tables()),


# Calibration of methods with repeated samples: what their intervals promise.
rule calibrations:
    input:
        start.if_cohort_fits(plan, plan.calibrations()),


# Answer sheets of the checklist for artificial intelligence in medical imaging (CLAIM).
rule claims:
    input:
        start.if_cohort_fits(plan, plan.claims()),


# GPU hours and energy of each method and fold.
rule costs:
    input:
        start.if_cohort_fits(plan, plan.costs()),


rule networks:
    input:
        start.if_cohort_fits(plan, plan.all_networks()),


# Folders of networks for other sites, of the planned experiments with hand_over: true.
rule handed_over:
    input:
        start.if_cohort_fits(plan, plan.handed_over()),


# One fold brought up to date, the others left as they are: fold_1, fold_2, ...
for number in plan.folds():

    rule:
        name:
            f"fold_{number}"
        input:
            start.if_cohort_fits(plan, plan.of_fold(number), number),
