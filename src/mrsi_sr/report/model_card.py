"""Model card of networks that are handed over: what they were trained on, how well, and their limits, as Markdown."""

from mrsi_sr.report.markup import markdown
from mrsi_sr.settings.errors import listed
from mrsi_sr.settings.hand_over import HandedNetworks

LOW_RESOLUTION = {
    "masked": "truncations of maps whose rejected voxels are zero, as in the papers: a scan has to be masked and"
    " measured again before these networks see it",
    "filled": "truncations of maps whose rejected voxels inside the brain are interpolated: as a scan is, which"
    " measures the whole brain",
    "refitted": "low-resolution scans of the same participants that were fitted anew: not masked, with their own noise"
    " and lipid",
}
LIMITS = """\
- **Research use only.** Not a medical device; no map may guide the treatment of a patient.
- Super-resolution is in plane. A low-resolution matrix below 6 x 6 fails, as the papers found; upscaling factors
  outside 2 to 8, and sizes other than those above, were not learned.
- The networks know the metabolites above in the unit above, fitted as in the cohort above. Another fitting, field
  strength, sequence or disease may look different from what they saw: compare with the table above.
- A super-resolved map shows what is likely, given the scan and the MRI. A small lesion that neither shows may be
  missing, and what the MRI shows may be drawn into the map."""


def model_card(content: HandedNetworks) -> str:
    """Text of the model card of a folder of networks."""
    counts = content.participants[str(min(content.folds))]
    origin = "simulated phantoms, no person's data" if content.phantom else "scans"
    facts = {
        "trained on": f"the cohort {markdown(content.cohort)}: {origin}",
        "participants": f"{counts.train} to train on, {counts.validation} to validate on; {counts.maps:,} maps",
        "metabolites": f"{markdown(listed(content.metabolites))}, in {markdown(content.unit)}",
        "frame": f"{content.frame} x {content.frame} voxels of {_mm(content.voxel_mm)} mm",
        "low-resolution sizes": listed(sorted(content.sizes)),
        "protocol": content.protocol,
        "low resolution": LOW_RESOLUTION[content.low_resolution],
        "folds": f"{listed(sorted(content.folds))} of the experiment {content.experiment}",
        "written by": f"mrsi-sr {content.version}",
    }
    return "\n".join([
        f"# Networks of {content.experiment}: super-resolution of MR spectroscopic imaging", "",
        "**Research use only.**", "",
        *_table(["", ""], [[f"**{key}**", value] for key, value in facts.items()]), "",
        "## Methods", "",
        *_table(["name", "method", "networks"], _methods(content)), "",
        "## Training", "",
        *_table(["network", "fold", "parameters", "iterations", "hours", "device", "validation loss, best / last"],
                _trainings(content)), "",
        "## Scans that the networks saw", "",
        f"Percentiles over the scans of each scan's median: {listed(content.seen.percentiles)}.", "",
        *_seen(content), "",
        "## Limits", "", LIMITS, "",
        "## Licence", "",
        "The program that reads these files is under the MIT licence. The licence of the weights is for the site that"
        " trained them to say: ask there before you pass them on.", "",
    ])  # fmt: skip


def _methods(content: HandedNetworks) -> list[list[str]]:
    networks = {
        name: listed(dict.fromkeys(f"`{network}`" for network in method.networks.values()))
        for name, method in content.methods.items()
    }
    return [[f"`{name}`", markdown(method.label), networks[name]] for name, method in content.methods.items()]


def _trainings(content: HandedNetworks) -> list[list[str]]:
    rows = []
    for name, folds in sorted(content.training.items()):
        for fold, each in folds.items():
            loss = f"{each.validation_loss['best']:.4g} / {each.validation_loss['last']:.4g}"
            numbers = [f"{each.parameters:,}", f"{each.iterations:,}", f"{each.seconds / 3600:.2g}"]
            rows.append([f"`{name}`", fold, *numbers, markdown(each.device), loss])
    return rows


def _seen(content: HandedNetworks) -> list[str]:
    seen, unit = content.seen.plain(), markdown(content.unit)
    heads = {
        "level": f"concentration, {unit}", "ratio": f"ratio to {markdown(seen['reference'])}", "sd_percent": "%SD",
        "rejected": "fraction of the brain rejected",
    }  # fmt: skip
    rows = [[markdown(name), *(_numbers(seen[key][name]) for key in heads)] for name in content.metabolites]
    return [
        *_table(["metabolite", *heads.values()], rows), "",
        f"S/N: {_numbers(seen['snr'])}. Line width in ppm: {_numbers(seen['fwhm_ppm'])}. Voxel:"
        f" {_mm(seen['voxel_mm'])} mm. FLAIR: {'yes' if seen['flair'] else 'no'}. Scans: {seen['scans']}.",
    ]  # fmt: skip


def _numbers(values: list[float] | None) -> str:
    return "none" if values is None else ", ".join(f"{value:.3g}" for value in values)


def _mm(edges: list[float]) -> str:
    return " x ".join(f"{edge:.3g}" for edge in edges)


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]
