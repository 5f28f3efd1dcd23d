"""Text on a reader study for the methods section of a paper: randomisation, blinding, scale, wash-out, agreement."""

from collections import Counter
from collections.abc import Sequence

from mrsi_sr.reader_study.design import Case
from mrsi_sr.reader_study.scale import NOT_APPLICABLE, OVERALL, SCORES
from mrsi_sr.report.markup import markdown
from mrsi_sr.settings.reader_study import ReaderStudySettings

EXTREMES = "zero to the 99.5th percentile of the true map inside its valid voxels"


def methods_text(
    cases: Sequence[Case], available: int, metabolites: Sequence[str], facts: dict, settings: ReaderStudySettings
) -> str:
    """The text, as Markdown. available: number of participants that could be drawn. facts: where images come from."""
    paragraphs = {
        "Images": _images(cases, metabolites, facts, settings),
        "Randomisation": _randomisation(cases, available, facts, settings),
        "Blinding": _blinding(),
        "Ratings": _ratings(metabolites),
        "Sessions and wash-out": _sessions(settings),
        "Analysis": _analysis(),
    }
    text = "\n\n".join(f"## {title}\n{body}" for title, body in paragraphs.items())
    return f"# Reader study {facts['study']}: text for the methods section\n\n{text}\n\n{_table(cases)}\n"


def _images(cases: Sequence[Case], metabolites: Sequence[str], facts: dict, settings: ReaderStudySettings) -> str:
    phantom = " They are simulated phantoms, not patients." if settings.phantom else ""
    low, high = (markdown(settings.label(each)) for each in (settings.low_resolution, settings.super_resolved))
    return (
        f"Readers compared low-resolution ({low}) with super-resolved images ({high}) of {len(cases)} axial slices of"
        f" {len({case.participant for case in cases})} test participants (experiment {markdown(settings.experiment)},"
        f" cohort {markdown(settings.cohort)}, protocol {facts['protocol']}, {facts['folds']}).{phantom} Each slice has"
        f" {len(metabolites)} metabolites ({', '.join(map(markdown, metabolites))}), which makes"
        f" {len(cases) * len(metabolites)} pairs of images. No network had seen the participants whose images it made."
        f" All images of a metabolite in a slice, the ground truth among them, share one window, from {EXTREMES}, and"
        " one mask; voxels are shown without interpolation. T1 and FLAIR of the slice are shown beside them; no lesion"
        f" is outlined. Configuration {facts['configuration']}."
    )


def _randomisation(cases: Sequence[Case], available: int, facts: dict, settings: ReaderStudySettings) -> str:
    lesions, per_size = sum(case.lesion for case in cases), len(cases) // len(settings.sizes)
    sizes = ", ".join(f"{size}×{size}" for size in settings.sizes)
    sampled = facts["slices_sampled"]
    among = f"the {sampled} with the largest lesion, then the most brain" if sampled else "its slices"
    return (
        f"{settings.participants} participants were drawn with equal chances from the {available} that have"
        f" {settings.slices_per_participant} slices with every metabolite, whether they have a lesion or not. Of each,"
        f" {settings.slices_per_participant} slices were drawn among {among}: one with a lesion where the participant"
        f" has one, the others at random; {lesions} of the {len(cases)} slices show a lesion. So slices with lesions"
        " are more frequent in the study than in the cohort. Low-resolution matrix sizes were assigned at random, with"
        f" {per_size} slices at each of {sizes}, different sizes in the slices of one participant as far as there are"
        f" as many, and slices with a lesion spread over the sizes (seed {settings.seed})."
    )


def _blinding() -> str:
    return (
        "Images are not labelled. Which image of a pair is on the left is random, with the super-resolved one there in"
        " half of the pairs, and the same holds for the sets A and B of all metabolites of a slice. The page that"
        " readers are given holds neither names of methods, participants and sizes nor the key, which is a file of its"
        " own; its images are stored uncompressed, with equal lengths. Slices come in a random order, and so do the"
        " metabolites of each slice; each reader and each session has another order. Blinding cannot hide what an image"
        " looks like: a reader who knows how zero-filled images look will recognise them."
    )


def _ratings(metabolites: Sequence[str]) -> str:
    scale = ", ".join(f"{score} ({word})" for score, word in SCORES.items())
    return (
        f"Conspicuity of each metabolite ({', '.join(map(markdown, metabolites))}) was judged on its pair of images;"
        f" {', '.join(OVERALL.values())} were judged on the images of all metabolites together; all relative to the"
        f" ground truth. The scale is {scale} (Chow et al. 2016), or {NOT_APPLICABLE} where the slice does not show"
        " what is rated."
    )


def _sessions(settings: ReaderStudySettings) -> str:
    return (
        "Readers worked independently, each at an own pace and without seeing scores of other readers or of an earlier"
        f" session. Where a reader rates the images again, at least {settings.washout_weeks} weeks of wash-out lie"
        " between the sessions; the page warns of a shorter time, and the analysis lists the time that passed."
    )


def _analysis() -> str:
    return (
        "The number of images with each score is shown for each metric, method and reader. Agreement between readers,"
        " and between the sessions of one reader, is Cohen's kappa with quadratic weights over the five scores. Images"
        f" that one of the two gave {NOT_APPLICABLE} or no score are left out of kappa and counted beside it."
    )


def _table(cases: Sequence[Case]) -> str:
    slices, lesions = Counter(case.size for case in cases), Counter(case.size for case in cases if case.lesion)
    people = {size: len({case.participant for case in cases if case.size == size}) for size in slices}
    rows = [f"| {size}×{size} | {slices[size]} | {people[size]} | {lesions[size]} |" for size in sorted(slices)]
    head = ["| low-resolution size | slices | participants | slices with a lesion |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])
