"""CLAIM answer sheet: the items of the checklist for AI in medical imaging, filled in as far as the workflow knows.

The checklist is that of Tejani et al., Radiology: Artificial Intelligence 2024, 6(4), e240300 (44 items, 2024 update).
Its items are named here in words of our own: hand in the journal's form.
"""

from mrsi_sr.report.claim_answers import ANSWERS
from mrsi_sr.report.study import Study

AUTHORS = "**To be answered by the authors.**"
SOURCE = (
    "Items of the Checklist for Artificial Intelligence in Medical Imaging, 2024 update (Tejani et al., Radiology:"
    " Artificial Intelligence 2024, doi 10.1148/ryai.240300), named in short. Answers come from the records of this"
    " experiment; each has to be read, completed and placed in the manuscript by the authors."
)
# Items by section, numbered through from 1.
SECTIONS = {
    "Title and abstract": ("Study of AI, and its technology, in the title", "Abstract: design, methods, results"),
    "Introduction": ("Background, and the intended use of the method", "Aims and hypotheses"),
    "Methods: study design": ("Prospective or retrospective", "Goal of the study"),
    "Methods: data": (
        "Sources of the data", "Inclusion and exclusion", "Preprocessing", "Subsets of the data", "De-identification",
        "Missing data", "Acquisition protocol",
    ),
    "Methods: reference standard": (
        "Definition", "Reason for its choice", "Source of its annotations", "Annotation of the test set",
        "Variability between and within raters",
    ),
    "Methods: data partitions": ("Assignment to partitions", "Level at which partitions are disjoint"),
    "Methods: testing data": ("Intended sample size",),
    "Methods: model": (
        "Description of the models", "Software", "Initial parameters", "Training", "Choice of the final model",
        "Ensembles",
    ),
    "Methods: evaluation": (
        "Metrics", "Significance and uncertainty", "Robustness", "Explainability", "Internal testing",
        "External testing", "Registration of a trial",
    ),
    "Results: data": ("Numbers included and excluded", "Characteristics of the participants in each partition"),
    "Results: performance": ("Performance with its uncertainty", "Diagnostic performance", "Failures"),
    "Discussion": ("Limitations", "Implications for practice"),
    "Other information": ("Protocol and technical details", "Availability of software, models and data", "Funding"),
}  # fmt: skip


def claim_sheet(study: Study) -> str:
    """Answer sheet as Markdown: a table for each section, with number, item and answer."""
    origin = "simulated phantoms, no patients" if study.settings.phantom else "scans"
    lines = [
        f"# CLAIM answer sheet of {study.settings.experiment}",
        "",
        f"Cohort {study.settings.cohort} ({origin}). {SOURCE}",
    ]
    number = 0
    for section, items in SECTIONS.items():
        lines += ["", f"## {section}", "", "| item | | answer |", "| ---: | --- | --- |"]
        for item in items:
            number += 1
            lines.append(f"| {number} | {item} | {_answer(number, study)} |")
    return "\n".join([*lines, ""])


def _answer(number: int, study: Study) -> str:
    """Answer of an item: what the workflow knows, and what is left to the authors."""
    known, left = ANSWERS[number](study) if number in ANSWERS else ("", "")
    if not known:
        return AUTHORS
    return f"{known} **To be answered by the authors: {left}.**" if left else known
