"""Page of a reader study in a browser: rated by keyboard, closed, resumed, exported, imported, analysed."""

import csv
from dataclasses import dataclass
from pathlib import Path

import browser
import pytest
import reader_study
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from mrsi_sr.reader_study import key as keys
from mrsi_sr.reader_study import ratings

SCORES = 4 * (2 + 5) * 2
SCREENS = 4 * (2 + 1)


def press(driver, *words: str) -> None:
    ActionChains(driver, duration=0).send_keys(*words).perform()


def text(driver, name: str) -> str:
    return driver.find_element(By.ID, name).text


def wait_for(driver, name: str, words: str) -> None:
    """Wait until an element has these words: a browser on a busy machine takes its time to answer a key."""
    WebDriverWait(driver, 30, 0.05).until(lambda driver: words in text(driver, name), f"no '{words}' in {name}")


def start(driver, page: Path, reader: str = "A. Reader", session: int = 1) -> None:
    driver.get(page.as_uri())
    field = driver.find_element(By.ID, "session")
    field.clear()
    field.send_keys(str(session))
    driver.find_element(By.ID, "reader").send_keys(reader, Keys.ENTER)
    WebDriverWait(driver, 30, 0.05).until(lambda driver: text(driver, "place") or text(driver, "washout"))


def export(driver, folder: Path) -> Path:
    """File that the page exports into this folder."""
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    next(each for each in driver.find_elements(By.CLASS_NAME, "export") if each.is_displayed()).click()
    return WebDriverWait(driver, 30, 0.05).until(lambda driver: next(folder.glob("*.csv"), None))


def severe(driver) -> list[str]:
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


@dataclass
class Closed:
    """What a reader had done when the browser was closed: scores as the page has them, place, requests and errors."""

    scores: dict[str, list[str]]
    place: str
    asked: list[str]
    errors: list[str]


@pytest.fixture(scope="module")
def profile(tmp_path_factory) -> Path:
    """Folder where a browser keeps what pages store."""
    return tmp_path_factory.mktemp("profile")


@pytest.fixture(scope="module")
def closed(study, profile) -> Closed:
    """A study that is rated by keyboard in a browser that is closed then; every key of the scale is used."""
    with browser.opened(profile) as driver:
        start(driver, study / "page.html")
        press(driver, "15", Keys.ARROW_RIGHT, "2", Keys.ARROW_RIGHT)  # a score of the second pair is left out
        wait_for(driver, "notice", "lacks 1 score")
        press(driver, "0123450123", Keys.ARROW_UP, Keys.BACKSPACE, Keys.ARROW_DOWN, "4")
        wait_for(driver, "count", "12 of")
        scores = driver.execute_script("return reading.scores")
        return Closed(scores, text(driver, "place"), browser.requests(driver), severe(driver))


@pytest.fixture(scope="module")
def opened(closed, profile):
    """The browser opened again."""
    with browser.opened(profile) as driver:
        yield driver


def test_the_page_asks_for_nothing_but_itself_and_has_no_errors(closed):
    assert [url.rpartition("/")[2] for url in closed.asked] == ["page.html"]
    assert closed.errors == []


def test_a_study_is_resumed_after_closing_exported_and_unblinded(study, closed, opened, tmp_path):
    """The file says what was given by keys before the browser was closed."""
    opened.get((study / "page.html").as_uri())
    assert f"A. Reader, session 1: 12 of {SCORES} scores" in text(opened, "begun")
    opened.find_element(By.CSS_SELECTOR, "#begun button").click()
    wait_for(opened, "place", closed.place)
    assert opened.execute_script("return reading.scores") == closed.scores
    exported = export(opened, tmp_path)
    assert f"{SCORES - 12} scores of {SCORES} are still missing" in text(opened, "notice")
    table = ratings.unblinded([exported], keys.read(study / "key.csv"))
    given = {f"{row.case}|{row.metric}|{row.image}": row.score for row in table.itertuples() if row.score}
    assert given == {name: score for name, (score, _) in closed.scores.items()}
    assert sorted(given.values()) == sorted(["10", "90", "30", "NA", "10", "30", "50", "70", "90", "NA", "10", "70"])
    assert ratings.completeness(table).missing.iloc[0] == SCORES - 12
    assert severe(opened) == []


def test_what_is_missing_is_listed_at_the_end_and_leads_back(study, opened):
    start(opened, study / "page.html", "Another")
    press(opened, "55", Keys.ARROW_RIGHT, "5")
    opened.execute_script("goTo(screens.length - 1)")
    press(opened, Keys.ARROW_RIGHT)
    wait_for(opened, "end-title", f"{SCORES - 3} scores missing")
    first, *others = opened.find_elements(By.CSS_SELECTOR, "#missing-list button")
    assert first.text.startswith("slice 1") and first.text.endswith(": 1 score") and len(others) == SCREENS - 2
    first.click()
    press(opened, "5")
    wait_for(opened, "count", f"4 of {SCORES} scores")


def test_a_file_that_was_exported_is_continued_elsewhere_and_a_file_of_another_study_is_not(study, opened, tmp_path):
    file = reader_study.rate(study, "Dr. Ä", lambda row: "70" if row.metric != "lesion" else "", name="elsewhere")
    opened.get((study / "page.html").as_uri())
    other = tmp_path / "other.csv"
    other.write_text(file.read_text().replace(keys.read(study / "key.csv")[0].study, "0" * 12))
    opened.find_element(By.ID, "import").send_keys(str(other))
    wait_for(opened, "import-error", "of study 000000000000")
    opened.find_element(By.ID, "import").send_keys(str(file))
    wait_for(opened, "count", f"{SCORES - 8} of {SCORES} scores")
    press(opened, *["u", "0"] * 8, "u")
    wait_for(opened, "count", f"{SCORES} of {SCORES} scores")
    opened.execute_script("goTo(screens.length - 1); go(1)")
    wait_for(opened, "end-title", "All scores given. Thank you.")
    exported = export(opened, tmp_path / "out")
    with exported.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["reader"], row["score"]) for row in rows} == {("Dr. Ä", "70"), ("Dr. Ä", "NA")}
    assert len(rows) == SCORES
    assert exported.name.endswith("_Dr-Ä_session-1.csv")


def orders(driver, page: Path, reader: str, session: int) -> list[str]:
    start(driver, page, reader, session)
    return driver.execute_script(
        "return screens.map((each) => each.each.case + '|' + (each.map ? each.map.metabolite : 'all'))"
    )


def test_each_reader_and_each_session_has_an_order_of_its_own_that_comes_back(study, opened):
    page = study / "page.html"
    found = {who: orders(opened, page, *who) for who in [("B", 1), ("C", 1), ("B", 2), ("D", 1)]}
    assert len({tuple(order) for order in found.values()}) == 4
    assert len({tuple(sorted(order)) for order in found.values()}) == 1
    assert len(found["B", 1]) == len(set(found["B", 1])) == SCREENS
    assert orders(opened, page, "b", 1) == found["B", 1]
    slices = [name.partition("|")[0] for name in found["B", 1]]
    assert slices == [name for name in dict.fromkeys(slices) for _ in range(3)]
    assert [name.endswith("|all") for name in found["B", 1]] == [False, False, True] * 4


def test_a_second_session_too_soon_after_the_first_is_warned_of(study, opened):
    start(opened, study / "page.html", "E")
    press(opened, "1")
    wait_for(opened, "count", "1 of")
    start(opened, study / "page.html", "E", session=2)
    assert "4 weeks should lie between two sessions" in text(opened, "washout")
    opened.find_element(By.CSS_SELECTOR, "#reader-form button").click()
    wait_for(opened, "count", f"0 of {SCORES}")


def test_the_page_shows_each_image_as_its_data_in_colours_and_in_grey(study, opened):
    """Pixels of the canvas against the colours of the values."""
    start(opened, study / "page.html", "F")
    pixels = """
        const [left, truth, right] = [...document.querySelectorAll(".trio figure canvas")], { map, each } = screen();
        const wrong = [];
        for (const [canvas, text] of [[left, map.images[0]], [truth, map.truth], [right, map.images[1]]]) {
          const shown = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          bytesOf(text).forEach((value, i) => {
            const colour = value ? [0, 1, 2].map((c) => colourTables[colours][3 * value + c]) : NO_VALUE;
            if (colour.some((part, c) => part !== shown[4 * i + c])) wrong.push(i);
          });
        }
        return [wrong.length, colours];"""
    assert opened.execute_script(pixels) == [0, "viridis"]
    opened.execute_script("at('colours').value = 'grey'; at('colours').dispatchEvent(new Event('change'))")
    assert opened.execute_script(pixels) == [0, "grey"]
    grey = opened.execute_script("return [...colourTables.grey]")
    assert grey == sorted(grey) and min(grey) > 31


def test_the_sets_of_a_slice_show_the_images_that_the_key_says(study, opened):
    """Of each canvas of the sets A and B: which image of the pair has its pixels, left or right."""
    start(opened, study / "page.html", "H")
    case, shown = opened.execute_script("""
        goTo(screens.findIndex((each) => !each.map));
        const { each } = screen(), canvases = [...document.querySelectorAll(".rows canvas")], number = each.maps.length;
        const same = (canvas, text) => {
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          return bytesOf(text).every((value, i) => [0, 1, 2].every(
            (c) => pixels[4 * i + c] === (value ? colourTables.viridis[3 * value + c] : NO_VALUE[c])));
        };
        const side = (canvas, m) => each.maps[m].images.findIndex((text) => same(canvas, text));
        const truth = each.maps.every((map, m) => same(canvases[number + m], map.truth));
        const rows = [0, 2].map((row) => each.maps.map((map, m) => side(canvases[row * number + m], m)));
        return [each.case, truth ? rows : null];""")
    key = {(row.case, row.metric, row.image): row.role for row in keys.read(study / "key.csv")}
    for name, sides in zip("AB", shown, strict=True):
        for metabolite, side in zip(("tCr", "tCho"), sides, strict=True):
            assert key[case, metabolite, ("left", "right")[side]] == key[case, "sharpness", name]


def test_without_storage_the_page_says_so_and_asks_before_it_is_left(study, opened):
    script = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied'); } });"
    added = opened.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    start(opened, study / "page.html", "G")
    assert opened.execute_script("return !at('storage').hidden")
    press(opened, "5")
    wait_for(opened, "count", "1 of")
    leaving = "return !dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert opened.execute_script(leaving)
    opened.execute_script("exportCsv()")
    assert not opened.execute_script(leaving)
    opened.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
