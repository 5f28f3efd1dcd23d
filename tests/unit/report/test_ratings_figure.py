"""Figure of readers' scores: its bars are the counts, its rows and columns those of the papers, readable in grey."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from mrsi_sr.report.figures import ratings, style

METRICS = ["tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly", "sharpness", "grey matter", "lesion"]
SCORES = ["10 (poor)", "30 (bad)", "50 (fair)", "70 (good)", "90 (excellent)", "NA (not applicable)"]


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    """The drawn figure of two readers, its content, and the folder of its files."""
    random, folder = np.random.default_rng(1), tmp_path_factory.mktemp("figure")
    panels = [
        ratings.Panel(f"Reader {i}", column, random.integers(0, 5, (len(METRICS), len(SCORES))))
        for i in (1, 2)
        for column in ("LR", "SR")
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plt, "close", lambda figure: None)
        ratings.draw(ratings.Ratings(METRICS, SCORES, panels, "A caption. " * 40), folder / "f.png", folder / "f.pdf")
    drawn = plt.gcf()
    yield drawn, panels, folder
    plt.close(drawn)


def test_each_bar_is_as_high_as_the_number_of_images_with_its_score(figure):
    drawn, panels, _ = figure
    for ax, panel in zip(drawn.axes, panels, strict=True):
        heights = np.array([[bar.get_height() for bar in bars] for bars in ax.containers])
        assert (heights == panel.counts.T).all()
        tops = [bar.get_y() + bar.get_height() for bar in ax.containers[-1]]
        assert tops == panel.counts.sum(axis=1).tolist()


def test_a_row_for_each_reader_a_column_for_each_kind_of_image_and_a_bar_for_each_metric(figure):
    drawn, _, folder = figure
    assert [ax.get_title() for ax in drawn.axes[:2]] == ["LR", "SR"]
    assert [ax.get_ylabel() for ax in drawn.axes[::2]] == ["Reader 1", "Reader 2"]
    assert [label.get_text() for label in drawn.axes[-1].get_xticklabels()] == METRICS
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == SCORES
    assert imread(folder / "f.png").shape[1] == pytest.approx(style.PAGE_INCH * 300, abs=2)
    assert (folder / "f.pdf").read_bytes().startswith(b"%PDF")


def test_scores_are_told_apart_in_grey_and_what_is_not_applicable_by_its_hatching(figure):
    drawn, _, _ = figure
    patches = drawn.legends[0].get_patches()
    lightness = [np.dot(to_rgb(patch.get_facecolor()), (0.299, 0.587, 0.114)) for patch in patches]
    assert min(np.diff(lightness)) > 0.1
    assert [bool(patch.get_hatch()) for patch in patches] == [False] * 5 + [True]


def test_no_text_lies_on_another_or_outside_the_page(figure):
    drawn, _, _ = figure
    renderer = drawn.canvas.get_renderer()
    page = drawn.bbox
    caption = drawn.texts[-1].get_window_extent(renderer)
    names = [label.get_window_extent(renderer) for ax in drawn.axes[-2:] for label in ax.get_xticklabels()]
    labels = [ax.yaxis.label.get_window_extent(renderer) for ax in drawn.axes[::2]]
    for box in (caption, *names, *labels):
        assert box.x0 >= page.x0 and box.y0 >= page.y0 and box.x1 <= page.x1 and box.y1 <= page.y1
    assert all(box.y0 >= caption.y1 for box in names)
