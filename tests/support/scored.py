"""Scores of two methods on toy maps, as evaluate.py leaves them, and the tables that are made of them."""

import evaluated
import numpy as np
import pandas as pd
from tiny_cohort import MUNET

from mrsi_sr.report import layout, sheet, tables
from mrsi_sr.report.collect import collect
from mrsi_sr.settings.report import TableSettings

SETTINGS = TableSettings.of(
    sizes=[8, 16], methods=["zero_filled", "munet"], title="Table 1", experiment="demo", cohort="toys", phantom=True,
    folds=[1, 2], folds_in_all=5,
    labels={"zero_filled": "Zero-filled", "munet": "MUNet & co_1"},
)  # fmt: skip


def long_table(methods=("zero_filled", "munet"), folds=(1, 2)):
    """Long table of scores: one participant a fold, three maps at two sizes, two samples; later methods are better."""
    random = np.random.default_rng(0)
    rows = []
    for fold in folds:
        for k, size in [(k, size) for k in range(3) for size in (8, 16)]:
            for m, method in enumerate(methods):
                base = 0.4 - 0.1 * m + random.uniform(0, 0.05)
                for metric, value in (("nrmse", base), ("psnr", 30 - 10 * base), ("ssim", 1 - base)):
                    identity = (f"sub-{fold}", k, "tCr", size, method, fold)
                    rows += [(*identity, sample, "mask", metric, value + 0.01 * sample) for sample in range(2)]
    columns = ["participant", "slice", "metabolite", "size", "method", "fold", "sample", "region", "metric", "value"]
    return pd.DataFrame(rows, columns=columns).assign(protocol="clean", seed=1, file=lambda t: t.method + ".parquet")


def record(method, fold, **changes):
    """Provenance record of the scores of a method and fold."""
    facts = {"method": method, "fold": fold, "seed": 1, "nfe": 1, "sampling_settings": evaluated.SETTINGS[method]}
    facts |= {"settings": {"lpips_weights": {}, "lpips_reason": ""}, "code": {}, "inputs_sha256": {}, "made_from": {}}
    facts["networks"] = dict.fromkeys(evaluated.SETTINGS[method]["networks"], MUNET.plain())
    facts["training"] = {name: {"seconds": 1800.0 * fold, "device": "a GPU"} for name in facts["networks"]}
    facts |= {"seconds_per_slice": 0.05 * fold, "parameters": {"munet": 967_601}.get(method, 0), "frame": 64}
    return facts | {"sampling_device": "a CPU"} | changes


def build(scores, records, settings):
    """Table of scores and records."""
    return tables.build(collect(scores, records, settings))


def markdown(table):
    """A table as Markdown."""
    return sheet.markdown(layout.sheet_of(table))


def latex(table):
    """A table as LaTeX."""
    return sheet.latex(layout.sheet_of(table))


def cell(table, *key):
    """Printed mean and standard deviation of a method, metric and size."""
    return layout._cell(table, *key).text


RECORDS = [record(method, fold) for method in ("zero_filled", "munet") for fold in (1, 2)]
