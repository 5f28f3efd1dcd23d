"""Lineage of results: one hash of all that made the inputs of a job, from the scan's files to the stage before it.

Snakemake removes the output of a job that fails, and does not make it again as long as its consumers exist and their
own parameters are unchanged. So the lineage is a parameter of each consumer: a job that died once after a change runs
again, as does one whose output was deleted; and results that are kept without their intermediates stay as they are.
"""

from collections.abc import Callable
from types import SimpleNamespace

from mrsi_sr.results.provenance import fingerprint
from mrsi_sr.workflow.cohort import is_made
from mrsi_sr.workflow.scan_files import Contents

Job = tuple[str, dict[str, str]]  # rule, wildcards
OF_PARTICIPANT = (
    "ingest", "check_scan", "strip", "register", "mask", "montage", "slices", "truncate", "truncate_refitted",
)  # fmt: skip


class Lineage:
    """Hashes of what makes the results of a plan's jobs."""

    def __init__(self, plan, contents: Contents):
        self._plan = plan
        self._known: dict[str, str] = {}

        def files(*columns: str) -> Callable:
            return content(plan.files(*columns))

        def content(paths: Callable) -> Callable:
            return lambda wildcards: [contents.of(path) for path in paths(wildcards) if not is_made(path)]

        # What decides the result of each rule that others follow, beside its code: the parameters in its file, and the
        # contents of files that no rule makes.
        self._deciding = {
            "simulate": [plan.phantom_settings, plan.phantom_seed],
            "ingest": [plan.ingest_flags, content(plan.scan_files)],
            "check_scan": [plan.check_flags, content(plan.scan_files), content(plan.checked_images)],
            "check_new_scan": [plan.new_scans.check_flags, content(plan.new_scans.files)],
            "strip": [plan.strip_flags, content(plan.files("t1", "brain_mask", raw=True))],
            "register": [plan.registration_flags, content(plan.registration_files)],
            "mask": [
                plan.settings("quality"), plan.file_flags("brain_mask", "t1"), files("brain_mask", "t1"),
                content(plan.external_maps),
            ],
            "slices": [
                plan.metabolites, plan.unit, plan.settings("slices"),
                plan.file_flags("t1", "flair", "brain_mask", "lesion"), files("t1", "flair", "brain_mask", "lesion"),
            ],
            "truncate": [plan.cohort_sizes],
            "truncate_refitted": [plan.refitted_folder, content(plan.refitted_files)],
            "inventory": [],
            "folds": [plan.participants, plan.fold_settings],
            "train": [
                plan.slices, plan.network_settings, plan.training_sizes, plan.protocol, plan.low_resolution_flags,
                plan.fold, plan.seed, plan.needs_flags,
            ],
            "sample": [
                plan.slices, plan.low_resolution, plan.method_settings, plan.weight_flags, plan.networks_of_method,
                plan.evaluation_sizes, plan.fold, plan.protocol,
            ],
            "hand_over": [plan.hand_over_settings, plan.hand_over_flags, plan.scans_of_experiment],
            "super_resolve": [
                plan.new_scans.scan_flags, plan.new_scans.networks_folder, content(plan.new_scans.files),
            ],
            "table": [plan.table_settings],
            "compare": [plan.table_settings],
            "figure": [plan.figure_settings, plan.figure_flags],
            "claim": [plan.claim_settings],
            "cost": [plan.cost_settings],
            "shown_maps": [plan.shown_settings, plan.figure_folders, plan.slices, plan.low_resolution],
            "lpips_weights": [plan.lpips.content],
            "probe": [
                plan.slices, plan.low_resolution, plan.method_settings, plan.weight_flags, plan.networks_of_method,
                plan.probes.settings, plan.probes.sizes, plan.fold, plan.seed, plan.protocol,
            ],
            "evaluate": [plan.slices, plan.metrics, plan.fold, plan.seed, plan.protocol],
            "calibrate": [
                plan.slices, plan.metrics, plan.intervals, plan.calibration_flags, plan.fold, plan.seed, plan.protocol,
            ],
        }  # fmt: skip

    def before(self, rule: str, wildcards) -> str:
        """Hash of all that makes the inputs of a job."""
        return fingerprint([self._of(*job) for job in self._before(rule, wildcards)])

    def _of(self, rule: str, named: dict[str, str]) -> str:
        """Hash of all that makes a job's result: its code, what decides it, and the jobs before it."""
        key = fingerprint(rule, named)
        if key not in self._known:
            wildcards = SimpleNamespace(**named)
            deciding = [part(wildcards) if callable(part) else part for part in self._deciding[rule]]
            code = self._plan.code(rule, wildcards)
            self._known[key] = fingerprint(code, deciding, self.before(rule, wildcards))
        return self._known[key]

    def _before(self, rule: str, wildcards) -> list[Job]:
        """Jobs whose results a rule's job reads."""
        plan = self._plan
        match rule:
            case "simulate" | "folds" | "lpips_weights" | "reader_ratings":
                return []
            case _ if rule in OF_PARTICIPANT:
                name = wildcards.participant
                return [(before, {"participant": name}) for before in self._of_participant(rule, name)]
            case "cohort_summary":
                return [("slices", {"participant": name}) for name in plan.scans]
            case "check_table":
                new = [("check_new_scan", place) for place in plan.new_scans.jobs()]
                return [*(("check_scan", {"participant": name}) for name in plan.scans), *new]
            case "check_new_scan":
                return [("simulate", {"participant": name}) for name in plan.new_scans.phantom(wildcards)]
            case "inventory":
                kind = "truncate_refitted" if plan.low_resolution_of_training(wildcards) == "refitted" else "truncate"
                read = kind if plan.low_resolution(wildcards) else "slices"
                return [(read, {"participant": name}) for name in plan.participants_of(wildcards.experiment)]
            case "train":
                return [*_data(wildcards), *map(_training, plan.needed_networks(wildcards))]
            case "sample" | "probe":
                return [*_data(wildcards), *map(_training, plan.trained_networks(wildcards))]
            case "probe_table":
                return [("probe", job) for job in plan.probes.jobs(wildcards)]
            case "evaluate":
                return [
                    *_data(wildcards),
                    ("sample", {key: getattr(wildcards, key) for key in ("experiment", "fold", "method")}),
                    *(("lpips_weights", {}) for _ in plan.lpips.index(wildcards)),
                ]
            case "calibrate":
                samplings = [("sample", place) for place in plan.calibrated_with(wildcards)]
                return [*_data(wildcards), *samplings, *(("lpips_weights", {}) for _ in plan.lpips.index(wildcards))]
            case "calibration_report":
                return [("calibrate", place) for place in plan.calibrated(wildcards)]
            case "hand_over":
                return [*_data(wildcards), *map(_training, plan.networks_handed_over(wildcards))]
            case "super_resolve":
                scans = plan.new_scans
                return [("hand_over", {"experiment": scans.experiment})] if scans.experiment else []
            case "scans_page":
                return [("super_resolve", job) for job in plan.new_scans.jobs()]
            case "losses":
                return [_training(path) for path in plan.networks_of_fold(wildcards)]
            case "compare" | "table":
                return [("evaluate", place) for place in plan.scored_in_table(wildcards)]
            case "claim":
                slices = [("slices", {"participant": name}) for name in plan.scans]
                return [*_data(wildcards), *slices, *(("evaluate", place) for place in plan.scored_in_claim(wildcards))]
            case "cost" if plan.cost_records(wildcards):
                return [("evaluate", place) for place in plan.scored_in_claim(wildcards)]
            case "cost":
                return [_training(path) for path in plan.cost_networks(wildcards)]
            case "page":
                return plan.page_jobs(wildcards)
            case "evidence":
                return [("table", place) for place in plan.all_tables()]
            case "shown_maps":
                places = plan.places_of_figure(wildcards)
                return [*_data(wildcards), *((each, place) for each in ("sample", "evaluate") for place in places)]
            case "figure" if plan.figure_shows(wildcards) == "maps":
                return [("shown_maps", {key: getattr(wildcards, key) for key in ("experiment", "figure")})]
            case "figure":
                return [("evaluate", place) for place in plan.places_of_figure(wildcards)]
            case "reader_study":
                places = plan.reader_studies.sampled(wildcards)
                return [*_data(wildcards), *(("sample", place) for place in places)]
        raise ValueError(f"no lineage of {rule}")

    def _of_participant(self, rule: str, participant: str) -> list[str]:
        """Rules before one of a participant's; phantoms are simulated first, and raw MRI is prepared."""
        phantom = ["simulate"] if self._plan.cohort.simulate else []
        raw = ["register"] if self._plan.is_raw(participant) else []
        return {
            "ingest": phantom,
            "check_scan": phantom,
            "strip": phantom,
            "register": [*phantom, "ingest", "strip"],
            "mask": [*phantom, "ingest", *raw],
            "montage": [*phantom, "ingest", "mask", *raw],
            "slices": [*phantom, "ingest", "mask", *raw],
            "truncate": ["slices"],
            "truncate_refitted": ["slices"],
        }[rule]


def _data(wildcards) -> list[Job]:
    """Jobs that make the data and the folds of an experiment."""
    return [(rule, {"experiment": wildcards.experiment}) for rule in ("inventory", "folds")]


def _training(path: str) -> Job:
    """Job that makes results/EXPERIMENT/fold-FOLD/networks/NETWORK/provenance.json."""
    _, experiment, fold, _, network, _ = path.split("/")
    return "train", {"experiment": experiment, "fold": fold.removeprefix("fold-"), "network": network}
