"""Plan of the HTML report's pages, CLAIM answer sheets and tables of costs: files, parameters, places in the report."""

from mrsi_sr.settings.base import as_json
from mrsi_sr.workflow.reports import ReportPlan, score_records
from mrsi_sr.workflow.runs import runs_of

PAGE = "results/{experiment}/pages/{page}.html"
CLAIM = "results/{experiment}/claim.md"
COSTS = "results/{experiment}/costs.md"
# Papers of the experiments named after them, as the menu of the report has them; others have their own names.
PAPERS = {
    "ftddm": "FTDDM (Medical Image Analysis 2024)",
    "multiscale": "Multi-scale, adjustable sharpness (MICCAI 2022)",
    "flow_enhancer": "Flow enhancer (DGM4MICCAI 2022)",
}
PARTS = {"table": "Tables", "figure": "Figures", "claim": "CLAIM answer sheet", "costs": "Costs"}

RULE_OF = {"costs": "cost"}  # `snakemake costs` is a target


class PagePlan(ReportPlan):
    """Files and parameters of pages and answer sheets. Methods that depend on a job take Snakemake's wildcards."""

    # --- CLAIM answer sheets

    def claims(self) -> list[str]:
        """Answer sheets of the planned experiments in which somebody is tested."""
        studied = self.configuration.studied.items()
        return [CLAIM.format(experiment=name) for name, experiment in studied if experiment.folds.test]

    def claim_records(self, wildcards) -> list[str]:
        """Records of all scores of an experiment."""
        return score_records(self.scored_in_claim(wildcards))

    def scored_in_claim(self, wildcards) -> list[dict[str, str]]:
        """Wildcards of all scorings of an experiment."""
        experiment = self._experiment(wildcards)
        return self._places(wildcards, experiment.methods, runs_of(experiment))

    def claim_settings(self, wildcards) -> str:
        """What an answer sheet tells of an experiment beside its records."""
        experiment = self._experiment(wildcards)
        own = ("protocol", "low_resolution", "metrics")
        return as_json(
            {key: getattr(experiment, key) for key in own}
            | {
                "experiment": wildcards.experiment,
                "cohort": self.cohort.name,
                "phantom": self.cohort.simulate is not None,
                "unit": self.cohort.unit,
                "metabolites": list(self.cohort.metabolites),
                "sizes": experiment.evaluate_sizes,
                "folds_in_all": experiment.folds.number,
                "labels": {name: self.configuration.label(name) for name in experiment.methods},
                "figures": sorted(experiment.figures),
                "tables": {
                    name: {"test": table.test, "unit": table.test_unit} for name, table in experiment.tables.items()
                },
            }
        )

    # --- costs

    def costs(self) -> list[str]:
        """Tables of costs of the planned experiments in which something is computed."""
        return [COSTS.format(experiment=name) for name in self.configuration.studied if self._costly(name)]

    def cost_records(self, wildcards) -> list[str]:
        """Records that a table of costs is made from: of scores, which tell of their networks and samples too."""
        return self.claim_records(wildcards) if self._experiment(wildcards).folds.test else []

    def cost_networks(self, wildcards) -> list[str]:
        """Records of the networks of an experiment in which nobody is tested."""
        if self._experiment(wildcards).folds.test:
            return []
        runs = runs_of(self._experiment(wildcards))
        return [path for run in runs for path in self.networks_of_run(wildcards.experiment, run)]

    def cost_settings(self, wildcards) -> str:
        """What a table of costs tells of an experiment beside its records."""
        experiment = self._experiment(wildcards)
        methods = experiment.methods
        return as_json(
            {
                "methods": methods,
                "labels": {name: self.configuration.label(name) for name in methods},
                "expected": self._expected(methods, experiment.folds.run),
                "seeds": experiment.seeds,
                "homes": self._other_homes(wildcards.experiment),
                **self._origin(wildcards),
            }
        )

    def _costly(self, name: str) -> bool:
        """Whether an experiment tests somebody or trains something."""
        return self.configuration.experiment(name).folds.test or bool(self.configuration.networks_of(name))

    def _other_homes(self, name: str) -> dict[str, str]:
        """Experiments that train networks in place of this one, by network."""
        homes = {}
        for run in runs_of(self.configuration.experiment(name)):
            for path in self.networks_of_run(name, run):
                _, home, _, _, network, _ = path.split("/")
                homes |= {network: home} if home != name else {}
        return homes

    # --- pages of the report

    def pages(self) -> list[str]:
        """Pages of the tables, figures, answer sheets and costs of the planned experiments."""
        return [
            PAGE.format(experiment=name, page=page)
            for name, experiment in self.configuration.studied.items()
            for page in (
                *(f"table-{table}" for table in experiment.tables),
                *(f"figure-{figure}" for figure in experiment.figures),
                *(["claim"] if experiment.folds.test else []),
                *(["costs"] if self._costly(name) else []),
            )
        ]

    def page_texts(self, wildcards) -> list[str]:
        """Markdown files that a page shows."""
        part, name = part_of(wildcards.page)
        folder = f"results/{wildcards.experiment}"
        if part == "table":
            tests = f"{folder}/tables/{name}.tests.csv"
            return [f"{folder}/tables/{name}.md", *([f"{tests[:-4]}.md"] if tests in self.tables() else [])]
        sheets = {"claim": CLAIM, "costs": COSTS}
        return [sheets[part].format(experiment=wildcards.experiment)] if part in sheets else []

    def page_pictures(self, wildcards) -> list[str]:
        """Pictures that a page shows."""
        part, name = part_of(wildcards.page)
        return [f"results/{wildcards.experiment}/figures/{name}.png"] if part == "figure" else []

    def page_flags(self, wildcards) -> str:
        """Flags of what a page shows."""
        shown = {"pictures": self.page_pictures(wildcards), "texts": self.page_texts(wildcards)}
        return " ".join(f"--{flag} {' '.join(files)}" for flag, files in shown.items() if files)

    def page_title(self, wildcards) -> str:
        """Heading of a page."""
        part, name = part_of(wildcards.page)
        what = f"{part.capitalize()} {name}" if name else PARTS[part]
        return f"{what} of {wildcards.experiment}"

    def page_jobs(self, wildcards) -> list[tuple[str, dict[str, str]]]:
        """Jobs that make what a page shows: rule and wildcards."""
        part, name = part_of(wildcards.page)
        place = {"experiment": wildcards.experiment} | ({part: name} if name else {})
        rules = ["table", "compare"] if len(self.page_texts(wildcards)) > 1 else [RULE_OF.get(part, part)]
        return [(rule, place) for rule in rules]


def category(wildcards) -> str:
    """Place of an experiment's results in the report's menu: the paper, or the experiment."""
    return PAPERS.get(wildcards.experiment, wildcards.experiment)


def subcategory(wildcards) -> str:
    """Part of the paper that a page belongs to."""
    return PARTS[part_of(wildcards.page)[0]]


def labels(wildcards) -> dict[str, str]:
    """Columns of the report's list: what is shown, and its name."""
    part, name = part_of(wildcards.page)
    return {"what": part, "name": name or wildcards.experiment}


def part_of(page: str) -> tuple[str, str]:
    """Part and name of a page: table and table1 of table-table1; the sheets `claim` and `costs` have no name."""
    part, _, name = page.partition("-")
    return part, name
