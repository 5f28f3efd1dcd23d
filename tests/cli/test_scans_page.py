"""scans_page.py: a page of all scans beside their folders, made again as often as wanted."""

import json


def test_the_page_and_its_record_are_written_and_replaced(run_script, tmp_path):
    folder = tmp_path / "scans" / "sub-01"
    folder.mkdir(parents=True)
    record = {"name": "01", "settings": {"method": "ftddm", "samples": 8}, "started": "2026-11-27T10:00:00"}
    (folder / "provenance.json").write_text(json.dumps(record))
    out = tmp_path / "scans" / "index.html"
    for score in (0.9, 0.3):
        (folder / "trust.json").write_text(json.dumps({"score": score, "warnings": []}))
        done = run_script("scans_page", "--scans", folder, "--out", out)
        assert done.returncode == 0, done.stderr
        assert '<a href="sub-01/scan.html">01</a>' in out.read_text() and f"<td>{score:.2f}</td>" in out.read_text()
    made = json.loads((tmp_path / "scans" / "index.provenance.json").read_text())
    assert len(made["inputs_sha256"]) == 2


def test_a_folder_of_no_scan_is_one_message(run_script, tmp_path):
    done = run_script("scans_page", "--scans", tmp_path, "--out", tmp_path / "index.html")
    assert done.returncode == 2
    assert f"no file {tmp_path}/provenance.json" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
