"""Page of a scan in a browser: it asks for nothing, its slices move, and its numbers are those of its pictures."""

import browser
import numpy as np
import pytest
from required import REQUIRED
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from mrsi_sr.new_scan import viewer

SHOWN = "return [voxel, brain && brain.voxelValue, brain && brain.colorMap && brain.colorMap.max]"


@pytest.fixture(scope="module")
def opened(page_folder):
    """A browser with the page of a scan."""
    with browser.opened() as driver:
        driver.get((page_folder / "scan.html").as_uri())
        wait_for_viewer(driver)
        yield driver


def wait_for_viewer(driver) -> None:
    WebDriverWait(driver, 30).until(lambda driver: driver.execute_script("return brain && brain.canvas.width > 0"))


def errors(driver) -> list[str]:
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def values(driver, name: str) -> list[str]:
    row = driver.find_element(By.CSS_SELECTOR, f'#voxel-values tr[data-name="{name}"]')
    return [cell.text for cell in row.find_elements(By.TAG_NAME, "td")][1:]


def click(driver, x: float, y: float) -> None:
    """Click into the viewer at a part of its width and height."""
    frame = driver.find_element(By.ID, "viewer")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", frame)
    driver.switch_to.frame(frame)
    canvas = driver.find_element(By.TAG_NAME, "canvas")
    width, height = canvas.size["width"], canvas.size["height"]
    ActionChains(driver, duration=0).move_to_element_with_offset(
        canvas, (x - 0.5) * width, (y - 0.5) * height
    ).click().perform()
    driver.switch_to.default_content()


def move_slice(driver, position: int) -> None:
    """As a person's arrow keys do."""
    driver.execute_script("slider.value = arguments[0]; slider.dispatchEvent(new Event('input'))", position)


def test_the_page_asks_for_nothing_but_itself_and_has_no_errors(opened):
    asked = browser.requests(opened)
    assert [url.rpartition("/")[2] for url in asked] == ["scan.html"]
    assert errors(opened) == []


def test_a_moved_slice_shows_other_values_those_of_the_maps(opened, result, tmp_path):
    window = viewer._Window.of(result.scan)
    seen_values = []
    for s in (0, 1, 2):
        move_slice(opened, s)
        i, j, k = opened.execute_script("return voxel")
        assert k == s
        assert opened.find_element(By.ID, "voxel").text == f"slice {result.scan.slices[s]}"
        mean, sd, zero_filled, _ = values(opened, "tCho")
        for text, maps in ((mean, result.mean), (sd, result.sd), (zero_filled, result.zero_filled)):
            assert float(text) == pytest.approx(window.cut(maps["tCho"])[i, j, s], rel=1e-3)
        seen_values.append(mean)
    assert len(set(seen_values)) == 3
    opened.save_screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 20_000


@pytest.mark.parametrize(("name", "kind", "slice_"), [("tCr", "zero_filled", 2), ("tCho", "sd", 0)])
def test_where_one_clicks_the_number_is_that_of_the_picture(name, kind, slice_, opened, result):
    """nilearn's viewer reads a value back from the colour that it shows, one of 256 between 0 and the bar's end."""
    Select(opened.find_element(By.ID, "map-name")).select_by_value(name)
    Select(opened.find_element(By.ID, "map-kind")).select_by_value(kind)
    wait_for_viewer(opened)
    move_slice(opened, slice_)
    maps = viewer._Window.of(result.scan).cut(getattr(result, kind)[name])
    compared = 0
    for x, y in [(0.75, 0.5), (0.82, 0.4), (0.88, 0.35), (0.86, 0.6), (0.8, 0.55)]:
        click(opened, x, y)
        voxel, pictured, high = opened.execute_script(SHOWN)
        value = maps[tuple(voxel)]
        if np.isfinite(value) and pictured is not None and value < high:
            assert pictured == pytest.approx(value, abs=0.02 * high)
            compared += 1
    assert compared >= 3
    assert errors(opened) == []


def test_a_missing_voxel_says_why(opened, result):
    window = viewer._Window.of(result.scan)
    i, j, s = np.argwhere(window.cut(result.scan.filled[:, 0]))[0]
    opened.execute_script("voxel = arguments[0]; tell()", [int(i), int(j), int(s)])
    mean, _, _, why = values(opened, "tCho")
    assert (mean, why) == ("–", "S/N < 2.5")


def test_without_a_browser_a_test_is_skipped_with_a_reason_and_fails_in_the_gate(monkeypatch):
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium chromium-driver"), browser.opened():
        pass
    monkeypatch.setenv(REQUIRED, "required")
    with pytest.raises(pytest.fail.Exception, match="not installed"), browser.opened():
        pass
