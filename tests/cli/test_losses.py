"""losses.py by itself."""

import pytest


@pytest.fixture
def networks(tmp_path):
    """Folders of two networks with three validations each."""
    for name, last in (("munet", 0.3), ("flow", -1.0)):
        folder = tmp_path / name
        folder.mkdir()
        steps = ((1, 0.9), (2, 0.5), (3, last))
        rows = [f"{i},{part},{loss},0.001" for i, loss in steps for part in ("train", "validation")]
        (folder / "losses.csv").write_text("\n".join(["iteration,part,loss,learning_rate", *rows]) + "\n")
    return [tmp_path / "munet", tmp_path / "flow"]


def test_every_network_has_a_panel(networks, run_script, tmp_path):
    widths = []
    for chosen in (networks[:1], networks):
        out = tmp_path / f"{len(chosen)}.png"
        done = run_script("losses", "--networks", *chosen, "--title", "fold 1", "--out", out)
        assert done.returncode == 0, done.stderr
        widths.append(int.from_bytes(out.read_bytes()[16:20], "big"))  # where a PNG has its width
    assert widths[1] == 2 * widths[0]


def test_a_folder_without_losses_is_named(networks, run_script, tmp_path):
    (networks[1] / "losses.csv").unlink()
    done = run_script("losses", "--networks", *networks, "--out", tmp_path / "losses.png")
    assert done.returncode == 2
    assert "no losses" in done.stderr and "flow" in done.stderr
    assert not (tmp_path / "losses.png").exists()
