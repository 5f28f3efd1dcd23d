"""Plan of the reports: files and parameters of the rules that score, and that draw tables and figures."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace

from mrsi_sr.settings.base import as_json
from mrsi_sr.settings.figure import Curves, Figure, Qualitative
from mrsi_sr.settings.method import at_point, sampling_fingerprint, split_point
from mrsi_sr.settings.report import Grid
from mrsi_sr.workflow.experiments import ExperimentPlan
from mrsi_sr.workflow.runs import Run, runs_of, text_of

SAMPLES = "results/{experiment}/fold-{fold}/samples/{method}"
SCORES = "results/{experiment}/fold-{fold}/metrics/{method}"
TABLE = "results/{experiment}/tables/{table}{kind}"
SHOWN = "results/{experiment}/figures/shown/{figure}.npz"
Place = dict[str, str]  # wildcards of a sampling or scoring


class ReportPlan(ExperimentPlan):
    """Files and parameters of scores, tables and figures. Methods that depend on a job take Snakemake's wildcards."""

    def metrics(self, wildcards) -> str:
        return ",".join(self._experiment(wildcards).metrics)

    # --- tables

    def metric_files(self, wildcards) -> list[str]:
        return score_files(self._shown_in_table(wildcards))

    def metric_provenance(self, wildcards) -> list[str]:
        return score_records(self._shown_in_table(wildcards))

    def table_settings(self, wildcards) -> str:
        """Settings of a table, and what its caption says of where the numbers come from."""
        experiment, methods = self._experiment(wildcards), self._methods_of_table(wildcards)
        table = experiment.tables[wildcards.table]
        return as_json(
            table.plain()
            | {
                "methods": methods,
                "grid": self._filled_grid(table.grid),
                "labels": self._labels(methods, table.labels),
                "expected": self._expected(methods, experiment.folds.run),
                "seeds": experiment.seeds,
                "unit": self.cohort.unit,
                **self._origin(wildcards),
            }
        )

    def _shown_in_table(self, wildcards) -> list[Place]:
        """Wildcards of the scorings that a table takes: all, or those that there are where it may be partial."""
        places = self.scored_in_table(wildcards)
        if not self._experiment(wildcards).tables[wildcards.table].allow_partial:
            return places
        return [place for place in places if Path(*score_files([place])).exists()]

    def _filled_grid(self, grid: Grid | None) -> dict | None:
        """A grid whose headings are filled in as labels are, by the first method in the row or column."""
        if grid is None:
            return None

        def filled(headings: list[str], methods: Iterable[Sequence[str | None]]) -> list[str]:
            first = [next(filter(None, own)) for own in methods]
            return [self.configuration.label(*each) for each in zip(first, headings, strict=True)]

        columns = filled(grid.columns, zip(*grid.methods, strict=True))
        return grid.plain() | {"rows": filled(grid.rows, grid.methods), "columns": columns}

    def scored_in_table(self, wildcards) -> list[Place]:
        """Wildcards of the scorings that a table shows."""
        return self._places(wildcards, self._methods_of_table(wildcards), runs_of(self._experiment(wildcards)))

    def _methods_of_table(self, wildcards) -> list[str]:
        """Methods of a table, its own list or all of the experiment, each with the points of its sweep."""
        experiment = self._experiment(wildcards)
        return self._with_points(experiment.tables[wildcards.table].methods or experiment.methods)

    # --- figures

    def figure_settings(self, wildcards) -> str:
        """Settings of a figure, and what its caption says of where maps and scores come from."""
        figure = self._figure(wildcards)
        methods, folds = self._methods_of_figure(wildcards), self._folds_of_figure(wildcards)
        origin = self._origin(wildcards) | {"folds": folds}
        return as_json(
            {
                "figure": figure.plain(),
                "labels": self._labels([*methods, *figure.all_methods], {}),
                "unit": self.cohort.unit,
                "seeds": self._seeds_of_figure(wildcards),
                "expected": self._expected(methods, folds),
                **origin,
            }
        )

    def shown_settings(self, wildcards) -> str:
        """The part of a figure's settings that decides which maps it shows: words and layout need no samples."""
        figure = self._figure(wildcards)
        return as_json(
            {
                "figure": {key: value for key, value in figure.plain().items() if key not in type(figure).layout},
                "expected": self._expected(self._methods_of_figure(wildcards), self._folds_of_figure(wildcards)),
                "experiment": wildcards.experiment,
                "protocol": self._experiment(wildcards).protocol,
                "folds": self._folds_of_figure(wildcards),
            }
        )

    def figure_content(self, wildcards) -> list[str]:
        """Files that a figure is drawn of: the kept maps, or scores and their provenance."""
        if self._figure(wildcards).shows == "maps":
            return [SHOWN.format(experiment=wildcards.experiment, figure=wildcards.figure)]
        places = self.places_of_figure(wildcards)
        return [*score_files(places), *score_records(places)]

    def figure_flags(self, wildcards) -> str:
        """Flags of these files."""
        if self._figure(wildcards).shows == "maps":
            return f"--maps {self.figure_content(wildcards)[0]}"
        places = self.places_of_figure(wildcards)
        return f"--metrics {' '.join(score_files(places))} --provenance {' '.join(score_records(places))}"

    def figure_kind(self, wildcards) -> str:
        return self._figure(wildcards).kind

    def figure_shows(self, wildcards) -> str:
        return self._figure(wildcards).shows

    def places_of_figure(self, wildcards) -> list[Place]:
        """Wildcards of the samplings, or scorings, that a figure shows."""
        experiment, folds = self._experiment(wildcards), self._folds_of_figure(wildcards)
        seeds = self._seeds_of_figure(wildcards)
        runs = [run for run in runs_of(experiment) if run.fold in folds and run.seed in seeds]
        return self._places(wildcards, self._methods_of_figure(wildcards), runs)

    def figure_samples(self, wildcards) -> list[str]:
        """Provenance of the samples that a figure shows."""
        return [f"{folder}/provenance.json" for folder in self.figure_folders(wildcards)]

    def figure_folders(self, wildcards) -> list[str]:
        return [SAMPLES.format(**place) for place in self.places_of_figure(wildcards)]

    def figure_scores(self, wildcards) -> list[str]:
        return score_files(self.places_of_figure(wildcards))

    def figure_records(self, wildcards) -> list[str]:
        return score_records(self.places_of_figure(wildcards))

    def _figure(self, wildcards) -> Figure:
        """A figure with the points of swept methods in place of their names."""
        figure = self._experiment(wildcards).figures[wildcards.figure]
        match figure:
            case Qualitative():
                methods = figure.methods or self._experiment(wildcards).methods
                return figure.model_copy(update={"methods": self._with_points(methods)})
            case Curves():
                lines = [line | {"methods": self._with_points(line.methods)} for line in figure.lines]
                return figure.model_copy(update={"lines": lines})
        return figure

    def _methods_of_figure(self, wildcards) -> list[str]:
        return self._with_points(self._figure(wildcards).all_methods)

    def _folds_of_figure(self, wildcards) -> list[int]:
        """Folds that a figure shows: one for maps, all that are run for scores."""
        folds, figure = self._experiment(wildcards).folds.run, self._figure(wildcards)
        return [figure.fold or folds[0]] if figure.shows == "maps" or figure.fold else folds

    def _seeds_of_figure(self, wildcards) -> list[int]:
        """Seeds that a figure shows: the first for maps, all for scores."""
        seeds = self._experiment(wildcards).seeds
        return seeds[:1] if self._figure(wildcards).shows == "maps" else seeds

    # --- both

    def tables(self) -> list[str]:
        """Tables of the planned experiments, with tests between the methods of those that have more than one."""
        targets = []
        for place in self.all_tables():
            compared = len(self._methods_of_table(SimpleNamespace(**place))) > 1
            targets += [TABLE.format(**place, kind=kind) for kind in (".csv", ".tests.csv")[: 1 + compared]]
        return targets

    def all_tables(self) -> list[Place]:
        """Wildcards of the tables of the planned experiments, by name."""
        experiments = sorted(self.configuration.studied.items())
        return [{"experiment": name, "table": table} for name, each in experiments for table in sorted(each.tables)]

    def numbers(self) -> list[str]:
        """Tables of the planned experiments, as CSV."""
        return [TABLE.format(**place, kind=".csv") for place in self.all_tables()]

    def figures(self) -> list[str]:
        """Figures of the planned experiments, by name."""
        experiments = sorted(self.configuration.studied.items())
        return [f"results/{name}/figures/{each}.png" for name, own in experiments for each in sorted(own.figures)]

    def _origin(self, wildcards) -> dict:
        """Facts of the captions of tables and figures."""
        experiment = self._experiment(wildcards)
        return {
            "experiment": wildcards.experiment,
            "cohort": self.cohort.name,
            "phantom": self.cohort.simulate is not None,
            "protocol": experiment.protocol,
            "folds": experiment.folds.run,
            "folds_in_all": experiment.folds.number,
        }

    def _places(self, wildcards, methods: list[str], runs: list[Run]) -> list[Place]:
        """Wildcards of the methods' samplings and scorings; all points of a sweep are one."""
        names = dict.fromkeys(split_point(name)[0] for name in methods)
        experiment = self._experiment(wildcards)
        return [
            {"experiment": wildcards.experiment, "fold": text_of(run, experiment), "method": method}
            for method in names
            for run in runs
        ]

    def _with_points(self, methods: list[str]) -> list[str]:
        """Methods with all points in place of a sweep's name: METHOD@VALUE."""
        found = []
        for name in methods:
            points = [""] if split_point(name)[1] else self.configuration.method(name).points
            found += [at_point(name, point) for point in points]
        return found

    def _labels(self, methods: list[str], own: dict[str, str]) -> dict[str, str]:
        """Labels of methods and points, filled in. own: labels of one table, in place of the methods'."""
        return {
            name: self.configuration.label(name, own.get(name) or own.get(split_point(name)[0])) for name in methods
        }

    def _expected(self, methods: list[str], folds: list[int]) -> dict[str, dict[str, str]]:
        """Fingerprint of the settings of a method's maps, by method (with its point) and fold."""
        settings = {method: self.configuration.method(method) for method, _ in map(split_point, methods)}
        by_fold = {
            method: {str(fold): sampling_fingerprint(each, self._networks(each.networks, fold)) for fold in folds}
            for method, each in settings.items()
        }
        return {name: by_fold[split_point(name)[0]] for name in methods}


def score_files(places: list[Place]) -> list[str]:
    return [f"{SCORES.format(**place)}.parquet" for place in places]


def score_records(places: list[Place]) -> list[str]:
    return [f"{SCORES.format(**place)}.provenance.json" for place in places]
