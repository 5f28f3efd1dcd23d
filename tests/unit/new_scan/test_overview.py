"""Overview of a scan: which slice it shows, its units, and what it says of itself."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import super_resolved

from mrsi_sr.new_scan import overview
from mrsi_sr.new_scan.result import SuperResolved


def words_of(figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(plt.Text))


def test_the_slice_with_the_largest_lesion_is_shown_or_else_the_fullest(scan):
    assert overview.shown_slice(scan) == np.argmax(scan.lesion.sum((1, 2))) == 1
    emptier = scan.valid.copy()
    emptier[:2] &= np.indices(emptier.shape)[-1][:2] > 30
    for lesion in (None, np.zeros_like(scan.lesion)):
        assert overview.shown_slice(replace(scan, lesion=lesion, valid=emptier)) == 2


def test_every_map_has_its_unit_and_the_figure_says_what_it_is_for(result):
    figure = overview.overview(result)
    words = words_of(figure)
    for name in result.scan.metabolites:
        assert f"{name} (mM)" in words
    assert words.count("SD (mM)") == 3
    assert words.count("Research use only") == 2
    assert "slice 1: ftddm, mean of 8 samples" in words.replace("\n", " ")
    plt.close(figure)


def test_zero_filled_and_super_resolved_maps_of_a_metabolite_have_one_window(result):
    figure = overview.overview(result)
    rows = {}
    for axes in figure.axes:
        for image in axes.images[1:]:  # the first is MRI
            rows.setdefault(round(axes.get_position().y0, 6), []).append(image.get_clim())
    assert len(rows) == 3
    for zero_filled, mean, sd in rows.values():
        assert zero_filled == mean != sd
    plt.close(figure)


@pytest.mark.parametrize("kind", ["no MRI", "T1 alone", "one sample", "regridded"])
def test_what_there_is_none_of_is_left_out(kind, scan, result):
    changed = {
        "no MRI": lambda: replace(result, scan=replace(scan, t1=None, flair=None)),
        "T1 alone": lambda: replace(result, scan=replace(scan, flair=None)),
        "one sample": lambda: super_resolved.super_resolved(scan, samples=1),
        "regridded": lambda: SuperResolved.regridded(scan, []),
    }[kind]()
    figure = overview.overview(changed)
    words = words_of(figure)
    assert ("FLAIR" in words) == (kind in ("one sample", "regridded"))
    assert ("T1" in words) == (kind == "T1 alone")
    assert ("Standard deviation" in words) == (kind not in ("one sample", "regridded"))
    assert ("Super-resolved" in words) == (kind != "regridded")
    plt.close(figure)
