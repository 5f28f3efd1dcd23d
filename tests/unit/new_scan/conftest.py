"""A low-resolution scan and its super-resolved maps, shared by the tests of what is written of them."""

import pytest
import super_resolved

from mrsi_sr.settings.cohort import QualitySettings


@pytest.fixture(scope="session")
def scan(tmp_path_factory):
    return super_resolved.scanned(tmp_path_factory.mktemp("scan"))


@pytest.fixture(scope="session")
def result(scan):
    return super_resolved.super_resolved(scan)


@pytest.fixture(scope="session")
def seen(scan) -> dict:
    """What networks saw: scans like this one."""
    return super_resolved.seen(scan)


@pytest.fixture(scope="session")
def page_folder(result, seen, tmp_path_factory):
    """Folder with a scan's page and what lies beside it."""
    from mrsi_sr.new_scan import outputs, page
    from mrsi_sr.new_scan.trust import judge, warned

    trust = judge(result.scan, seen, sizes=[24, 32], reads_mri=True)
    told, folder = warned(result, trust), tmp_path_factory.mktemp("page")
    facts = outputs.facts_of(told, "results/clinic/hand_over", seed=1)
    page.write(told, trust, QualitySettings.of(), facts, folder)
    return folder
