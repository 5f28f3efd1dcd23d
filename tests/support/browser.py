"""A browser without a window, for tests that open pages: Debian's chromium, driven by selenium."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from required import skip_or_fail

PROGRAMS = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "chromedriver": ("chromedriver",)}


@contextmanager
def opened(profile: Path | None = None) -> Iterator:
    """selenium's browser; the test is skipped where there is none, or fails where there has to be one.

    profile: folder in which the browser keeps what pages store, for a browser that is opened again.
    """
    found = {name: next(filter(None, map(shutil.which, names)), None) for name, names in PROGRAMS.items()}
    if missing := [name for name, path in found.items() if path is None]:
        skip_or_fail(f"{' and '.join(missing)} not installed (Debian: apt-get install chromium chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = found["chromium"]
    # A container has no sandbox for root, and little shared memory.
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "window-size=1300,1000"):
        options.add_argument(f"--{flag}")
    if profile:
        options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(found["chromedriver"]))
    driver.set_script_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()


def requests(driver) -> list[str]:
    """Addresses that the browser asked for since the last call, without what lies in the page itself."""
    events = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    sent = (each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent")
    return [url for url in sent if not url.startswith(("data:", "about:", "blob:", "chrome:"))]
