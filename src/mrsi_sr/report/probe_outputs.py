"""Files of a probe's findings: tables, all measures, and figures, with their provenance: the work of probe_table.py."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mrsi_sr.report import probe_sheet, sheet
from mrsi_sr.report.figures import probes, style
from mrsi_sr.report.probed import Probed, table
from mrsi_sr.results.files import writing
from mrsi_sr.results.outputs import RECORD, check_outputs
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.settings.report import ProbeTableSettings


def write(
    folders: Sequence[Path], settings: ProbeTableSettings, outputs: Mapping[str, Path], code: dict[str, str]
) -> None:
    """Write the findings in folders of probe.py. outputs: files by the name of their flag in probe_table.py.

    Raises UserError as Probed.read does.
    """
    check_outputs(outputs.values(), folders)
    probed = Probed.read(folders, settings)
    values = table(probed)
    printed = probe_sheet.sheet_of(probed, values)
    figures = {"curves": probes.draw_curves(probed), "examples": probes.draw_examples(probed)}
    inputs = [folder / RECORD for folder in folders]
    with Provenance(settings.plain(), inputs, code=code).beside(*outputs.values()):
        with writing(outputs["csv"]) as csv, writing(outputs["md"]) as md, writing(outputs["tex"]) as tex:
            values.assign(**probed.facts).to_csv(csv, index=False, float_format="%.6g")
            md.write_text(sheet.markdown(printed))
            tex.write_text(sheet.latex(printed))
        with writing(outputs["rows"]) as rows:
            probed.rows.to_parquet(rows, index=False)
        for name, figure in figures.items():
            style.save(figure, outputs[f"{name}-png"], outputs[f"{name}-pdf"])
