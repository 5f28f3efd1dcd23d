"""Page of a super-resolved scan: one HTML file that works offline and loads nothing."""

import base64
import json
from importlib.resources import files
from pathlib import Path

from mrsi_sr.new_scan import numbers, overview, viewer
from mrsi_sr.new_scan.outputs import IN_PLANE, write_json
from mrsi_sr.new_scan.result import SuperResolved
from mrsi_sr.new_scan.trust import WARNING, Trust
from mrsi_sr.report.figures.quality_montage import ORDER, REASON_LABELS
from mrsi_sr.report.markup import html
from mrsi_sr.report.pages import document, list_of_warnings, note, section, table
from mrsi_sr.scan.quality import BIT
from mrsi_sr.settings.cohort import QualitySettings


def write(result: SuperResolved, trust: Trust, quality: QualitySettings, facts: dict, folder: Path) -> None:
    """Write scan.html, overview.png, overview.pdf and trust.json into the folder of a scan."""
    overview.save(result, folder / "overview.png", folder / "overview.pdf")
    write_json(folder / "trust.json", trust.plain(result.warnings))
    content = page(result, trust, quality, facts, folder / "overview.png")
    (folder / "scan.html").write_text(content, encoding="utf-8")


def page(result: SuperResolved, trust: Trust, quality: QualitySettings, facts: dict, picture: Path) -> str:
    """The page of a scan. facts: those of its sidecars. picture: PNG of the overview figure."""
    scan, words = result.scan, _reasons(quality)
    title = f"{scan.name}: super-resolved metabolic maps"
    sections = [
        list_of_warnings(result.warnings), _trust(trust), _overview(picture, scan.name), _viewer(result, words),
        _numbers(result), _fit(result), _missing(result, words), _provenance(facts),
    ]  # fmt: skip
    target = scan.target
    subtitle = (
        f"{result.method}, {_samples(result.samples)}; {target.x.acquired}×{target.y.acquired} to"
        f" {target.x.target}×{target.y.target} voxels, {len(scan.slices)} slices; {IN_PLANE}"
    )
    return document(title, subtitle, sections)


def _trust(trust: Trust) -> str:
    lines = sorted(trust.lines, key=lambda line: not line.warns)
    rows = [(line.name, line.shown, line.seen, line.score, line.words) for line in lines]
    marked = [number for number, line in enumerate(lines) if line.warns]
    return section(
        "Trust: does this scan look like what the networks saw?",
        f'<p><span class="score">{trust.score:.2f}</span> of 1: {html(trust.grade)}.</p>',
        note(
            f"Range seen: 5th to 95th percentile of {trust.scans} training scans. The score is 1 inside it and halves"
            f" with each tolerance outside; below {WARNING:g} it is a warning. The scan's score is that of its worst"
            " line. It tells how familiar the scan is to the networks, not how right its maps are."
        ),
        table(["", "this scan", "seen", "score", "in words"], rows, words=[4], warns=marked),
    )


def _overview(picture: Path, name: str) -> str:
    data = base64.b64encode(picture.read_bytes()).decode()
    image = f'<img class="overview" alt="Overview of {html(name)}" src="data:image/png;base64,{data}">'
    return section("Overview", image)


def _viewer(result: SuperResolved, words: dict[str, str]) -> str:
    content = viewer.content(result, {int(BIT[rule]): words[rule] for rule in ORDER if rule in words})
    names = list(dict.fromkeys(each["name"] for each in content["maps"]))
    kinds = content["kinds"]
    rows = "".join(
        f'<tr data-name="{html(name)}"><td>{html(name + _in(result, name))}</td>{"<td></td>" * len(kinds)}'
        '<td class="words"></td></tr>'
        for name in names
    )  # fmt: skip
    head = "".join(f"<th>{html(label)}</th>" for label in kinds.values())
    return section(
        "Slices",
        '<div class="viewer"><div><div class="controls">'
        f'<label>map <select id="map-name">{_options({name: name for name in names})}</select></label>'
        f'<label>shown <select id="map-kind">{_options(kinds)}</select></label>'
        '<label>slice <input id="slice" type="range" min="0" step="1"></label><span id="map-unit"></span></div>'
        '<iframe id="viewer" title="Slices of the chosen map"></iframe>'
        + note(
            "Click or drag in a picture to move the cross. Coordinates are in mm of the scan's space; voxels are shown"
            f" as they are, without smoothing; {IN_PLANE}."
        )
        + '</div><div><p>Voxel under the cross: <strong id="voxel"></strong></p>'
        f'<table id="voxel-values"><thead><tr><th></th>{head}<th></th></tr></thead><tbody>{rows}</tbody></table>'
        "</div></div>",
        f'<script type="application/json" id="viewer-content">{_json(content)}</script>',
        f"<script>\n{_viewer_script()}</script>",
    )


def _viewer_script() -> str:
    return files("mrsi_sr.new_scan").joinpath("web", "viewer.js").read_text(encoding="utf-8")


def _options(labels: dict[str, str]) -> str:
    return "".join(f'<option value="{html(key)}">{html(label)}</option>' for key, label in labels.items())


def _in(result: SuperResolved, name: str) -> str:
    return "" if "/" in name else f" ({result.scan.unit})"


def _json(content: dict) -> str:
    """JSON that no script element ends in."""
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def _numbers(result: SuperResolved) -> str:
    found, has_lesion = numbers.of_maps(result), result.scan.lesion is not None
    header = ["", "unit", "voxels", "median", "5 %", "95 %", "median SD", "zero-filled median"]
    rows = [[n.name, n.unit, n.voxels, n.median, n.low, n.high, n.sd, n.zero_filled] for n in found]
    if has_lesion:
        header += ["lesion mean", "zero-filled lesion mean"]
        rows = [[*row, n.lesion, n.lesion_zero_filled] for row, n in zip(rows, found, strict=True)]
    return section(
        "Numbers inside the mask",
        table(header, rows),
        note("SD: standard deviation of the samples in a voxel. It is the networks' own uncertainty: an error that all"
             " samples share is not in it."),
    )  # fmt: skip


def _fit(result: SuperResolved) -> str:
    fits = numbers.of_fit(result)
    if not fits:
        return ""
    return section(
        "Fit with the measurement",
        table(
            ["", "as the networks gave it, %", "after data consistency, %", "largest of a slice, %"],
            [(fit.name, fit.before, fit.after, fit.largest) for fit in fits],
        ),
        note("Distance between what the scan measured and what it would measure of the map, in percent of the"
             " measurement, mean over slices and samples. It is brought down to the noise that %SD tells, or to zero"
             " where there is no %SD."),
    )  # fmt: skip


def _missing(result: SuperResolved, words: dict[str, str]) -> str:
    found = numbers.of_missing(result.scan)
    rules = list(found[0].reasons)
    header = ["", "brain", "with a value", "%", "filled", *(words.get(rule, rule) for rule in rules)]
    rows = [
        [each.name, each.brain, each.valid, 100 * each.valid / max(each.brain, 1), each.filled, *each.reasons.values()]
        for each in found
    ]
    return section(
        "Missing voxels, and why",
        table(header, rows),
        note("Voxels of the target grid inside the brain; one with several reasons counts for each. Filled: no fit was"
             " trusted there, and the measured map was continued from the voxels around it before it was zero-filled."),
    )  # fmt: skip


def _provenance(facts: dict) -> str:
    items = "".join(
        f"<dt>{html(key)}</dt><dd>{html(value if isinstance(value, str) else json.dumps(value))}</dd>"
        for key, value in facts.items()
        if key != "Warnings"
    )
    return section(
        "Provenance",
        f"<dl>{items}</dl>",
        '<p class="note">All settings, checksums of the inputs and the code: <a href="provenance.json">provenance.json'
        '</a>; trust: <a href="trust.json">trust.json</a>; maps: <a href="mrsi/">mrsi/</a>.</p>',
    )


def _samples(number: int) -> str:
    return {0: "no samples", 1: "1 sample"}.get(number, f"{number} samples")


def _reasons(quality: QualitySettings) -> dict[str, str]:
    """Words of the quality mask's rules that are in use."""
    values = vars(quality)
    return {
        rule: REASON_LABELS[rule].format(**values)
        for rule in ORDER
        if all(values[key] is not None for key in values if f"{{{key}" in REASON_LABELS[rule])
    }
