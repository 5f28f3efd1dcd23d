"""What a change makes run again, and nothing else: read from dry runs of a finished toy workflow."""

import fcntl
import os
import shutil

import pytest
import yaml
from clone import REPOSITORY, Clone

TOY = ("--configfile", "toy.yaml")
ADDED = ("\n\n\ndef ", "\n\n\nADDED = 1\n\n\ndef ")
SHOWN, FIGURE = "shown_maps toy qualitative", "figure toy qualitative"
TABLE_PAGE, FIGURE_PAGE = "page toy table-comparison", "page toy figure-qualitative"
TABLES = {"compare toy comparison", "table toy comparison", TABLE_PAGE, "all"}
DRAWN = TABLES | {SHOWN, FIGURE, FIGURE_PAGE, "claim toy", "page toy claim", "cost toy", "page toy costs"}


def of_method(method):
    return {f"{rule} toy 2 {method}" for rule in ("sample", "evaluate")}


@pytest.fixture
def changed(finished):
    """Write the toy configuration with changes as changed.yaml; returns what a dry run of it plans."""

    def plan(change, *targets):
        configuration = yaml.safe_load((finished.folder / "toy.yaml").read_text())
        change(configuration)
        (finished.folder / "changed.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))
        return finished.planned(*targets, "--configfile", "changed.yaml")

    return plan


def test_a_learning_rate_reruns_its_network_and_what_depends_on_it(changed):
    def change(configuration):
        configuration["networks"]["munet"]["learning_rate"] = 2.0e-3

    assert changed(change) == {"train toy 2 munet", "losses toy 2"} | of_method("munet") | DRAWN


def test_a_sampler_setting_samples_and_scores_but_trains_nothing(changed):
    def change(configuration):
        configuration["methods"]["ddpm"]["sampler"]["variance"] = "beta"

    assert changed(change) == of_method("ddpm") | DRAWN


def test_a_metric_scores_but_samples_nothing(changed):
    def change(configuration):
        configuration["experiments"]["toy"]["metrics"] = ["nrmse", "psnr"]
        configuration["experiments"]["toy"]["tables"]["comparison"]["metrics"] = ["nrmse", "psnr"]

    methods = ("zero_filled", "munet", "ddpm")
    scored = {f"evaluate toy 2 {method}" for method in methods}
    assert changed(change) == scored | DRAWN


def test_a_figure_is_drawn_but_nothing_scored(changed):
    def change(configuration):
        configuration["experiments"]["toy"]["figures"]["qualitative"]["maps"] = [{"metabolite": "NAA"}]

    assert changed(change) == {SHOWN, FIGURE, FIGURE_PAGE, "all"}


def test_a_figures_layout_needs_the_kept_maps_alone(changed):
    def change(configuration):
        configuration["experiments"]["toy"]["figures"]["qualitative"] |= {"title": "Another title", "errors": False}

    assert changed(change) == {FIGURE, FIGURE_PAGE, "all"}


def test_a_title_and_a_label_are_written_but_nothing_scored_or_sampled(changed):
    def change(configuration):
        configuration["methods"]["ddpm"]["label"] = "DDPM, our own"
        configuration["experiments"]["toy"]["tables"]["comparison"]["title"] = "Another title"

    assert changed(change) == DRAWN - {SHOWN}


def test_how_often_is_saved_and_how_much_is_sampled_at_once_change_no_result(changed):
    def change(configuration):
        configuration["networks"]["munet"]["checkpoint_every"] = 1
        configuration["methods"]["ddpm"]["batch_size"] = 3

    assert changed(change) == set()


def test_one_fold_is_brought_up_to_date_and_the_others_left(changed):
    def change(configuration):
        configuration["experiments"]["toy"]["folds"]["run"] = [2, 3]
        configuration["networks"]["munet"]["learning_rate"] = 2.0e-3

    planned = changed(change, "fold_3")
    assert {"train toy 3 munet", "train toy 3 ddpm", "evaluate toy 3 zero_filled", "losses toy 3"} < planned
    assert not {job for job in planned if " toy 2" in job or job.startswith(("table", "figure"))}


@pytest.mark.parametrize("fold", [2, 3])
def test_a_setting_of_one_fold_reruns_that_fold_alone(fold, changed):
    def change(configuration):
        configuration["networks"]["munet"]["folds"] = {fold: {"learning_rate": 2.0e-3}}

    expected = {"train toy 2 munet", "losses toy 2", "fold_2"} | of_method("munet")
    assert changed(change, "fold_2") == (expected if fold == 2 else set())


def test_a_new_participant_is_seen(finished):
    table = finished.folder / "toy_participants.tsv"
    before = table.read_text()
    try:
        finished.participants("toy_participants.tsv", 4)
        planned = finished.planned(*TOY)
    finally:
        table.write_text(before)
    assert "simulate sub-04" in planned and "ingest toy sub-04" in planned
    assert "folds toy" in planned and "train toy 2 munet" in planned
    assert not {job for job in planned if "sub-01" in job}


@pytest.fixture
def without(finished, tmp_path):
    """Delete files of the results for the length of a test; whole again afterwards, also what a plan forgets."""
    cohort, fold = "results/cohorts/toy", "results/toy/fold-2"
    deleted = [f"{cohort}/sub-01/volumes/provenance.json", f"{cohort}/sub-02/slices.npz", "results/toy/inventory.csv",
               f"{fold}/samples/munet/provenance.json", f"{fold}/metrics/ddpm.parquet"]  # fmt: skip
    for number, name in enumerate(deleted):
        shutil.move(finished.folder / name, tmp_path / str(number))
    yield
    for number, name in enumerate(deleted):
        shutil.move(tmp_path / str(number), finished.folder / name)


def test_deleted_intermediates_are_not_made_again_while_what_came_of_them_is_up_to_date(without, finished):
    assert finished.planned(*TOY) == set()


def test_deleted_slices_are_made_again_for_a_training_with_another_learning_rate(finished, changed, tmp_path):
    def change(configuration):
        configuration["networks"]["munet"]["learning_rate"] = 2.0e-3

    slices, inventory = (
        finished.folder / f"results/{name}" for name in ("cohorts/toy/sub-02/slices.npz", "toy/inventory.csv")
    )
    shutil.copy2(inventory, tmp_path)
    shutil.move(slices, tmp_path)
    try:
        planned = changed(change)
    finally:
        shutil.move(tmp_path / slices.name, slices)
        shutil.move(tmp_path / inventory.name, inventory)
    assert {"slices toy sub-02", "truncate toy sub-02 clean", "inventory toy", "train toy 2 munet"} <= planned
    assert "ingest toy sub-02" not in planned and finished.planned(*TOY) == set()


@pytest.fixture
def edited(finished):
    """Edit files of the clone, {path: (old, new)}; returns what a dry run then plans. The files are put back."""
    kept = {}

    def plan(edits):
        for name, (old, new) in edits.items():
            file = finished.folder / name
            kept[file] = file.read_text()
            assert old in kept[file]
            file.write_text(kept[file].replace(old, new, 1))
        return finished.planned(*TOY)

    yield plan
    for file, text in kept.items():
        file.write_text(text)


def test_a_comment_in_every_module_and_other_words_of_errors_and_help_rerun_nothing(edited):
    files = [*(REPOSITORY / "src").rglob("*.py"), *(REPOSITORY / "workflow" / "scripts").glob("*.py")]
    comments = {str(file.relative_to(REPOSITORY)): ('"""', '# edited\n"""') for file in files}
    words = {
        "src/mrsi_sr/cli.py": ADDED,
        "src/mrsi_sr/scan/windows.py": ("unknown protocol", "no such protocol"),
        "workflow/scripts/train.py": ('help="', 'help="edited: '),
    }
    assert edited(comments | words) == set()


MONTAGES = {f"montage toy sub-0{k}" for k in (1, 2, 3)}


@pytest.mark.parametrize(
    ("module", "edit", "expected"),
    [
        (
            "report/layout.py",
            ("Time (s)", "Time [s]"),
            TABLES,
        ),
        (
            "report/figures/style.py",
            ('"savefig.dpi": 300', '"savefig.dpi": 200'),
            {"losses toy 2", FIGURE, FIGURE_PAGE, "all"} | MONTAGES,
        ),
        ("samplers/zero_filled.py", ADDED, of_method("zero_filled") | DRAWN),
        (
            "networks/munet.py",
            ("LEVELS = 5", "LEVELS = 4"),
            {"train toy 2 munet", "losses toy 2"} | of_method("munet") | DRAWN,
        ),
        ("networks/flow.py", ADDED, set()),
        ("settings/architecture.py", ("\n\n\nclass ", "\n\n\nADDED = 1\n\n\nclass "), set()),
    ],
)
def test_a_changed_line_reruns_exactly_the_results_that_it_can_change_and_what_follows(module, edit, expected, edited):
    planned = edited({f"src/mrsi_sr/{module}": edit})
    assert planned == expected


def reordered(configuration):
    """The same configuration with the keys of every part in another order."""
    if isinstance(configuration, dict):
        return {key: reordered(configuration[key]) for key in reversed(configuration)}
    return configuration


def test_nothing_runs_again_in_a_fresh_clone_with_copied_results_and_touched_files(finished, tmp_path):
    """Also with keys in another order, comments, and other resources."""
    made = {str(finished.folder): {"results", ".snakemake"}}  # by folder
    clone = shutil.copytree(
        finished.folder, tmp_path / "clone", symlinks=True, ignore=lambda folder, names: made.get(folder, set())
    )
    shutil.copytree(finished.folder / "results", clone / "results", copy_function=shutil.copy)
    for file in sorted(clone.rglob("*"), key=lambda path: hash(path.name)):  # in an order of no meaning
        if file.is_file() and not file.is_symlink():
            os.utime(file)
    configuration = yaml.safe_load((clone / "toy.yaml").read_text())
    text = yaml.safe_dump(reordered(configuration), sort_keys=False)
    (clone / "toy.yaml").write_text("# a comment\n" + text)
    rows = (clone / "toy_participants.tsv").read_text().splitlines()
    (clone / "toy_participants.tsv").write_text("\n".join(["# a comment", rows[0], *rows[:0:-1]]) + "\n")
    copy = Clone.__new__(Clone)
    copy.folder, copy.environment = clone, finished.environment
    resources = ("--set-resources", "train:mem_mb=3000", "train:runtime=7", "--set-threads", "train=1")
    assert copy.planned(*resources, *TOY) == set()


def test_a_second_workflow_on_the_same_results_starts_nothing(finished):
    with (finished.folder / "results/.snakemake/lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = finished.snakemake("--profile", "profiles/local", "--forcerun", "folds", "--until", "folds", *TOY)
    assert done.returncode != 0
    assert "another workflow is writing to" in done.stdout + done.stderr
    assert finished.planned(*TOY) == set()
