"""docs/cluster.md without Snakemake: its lines of sbatch, as they stand there."""

import os
import re
import subprocess

import pytest
from clone import Clone


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_lines_by_hand_end_with_a_table(slurm, repository, tmp_path):
    lines = re.findall(r"```bash\n(.*?)```", (repository / "docs/cluster.md").read_text(), re.DOTALL)[-1]
    clone = Clone(tmp_path / "clone")
    environment = os.environ | clone.environment | {"SLURM_CONF": slurm.environment["SLURM_CONF"]}
    done = subprocess.run(["bash", "-ec", lines], cwd=clone.folder, env=environment, capture_output=True, text=True)
    logs = "".join(log.read_text() for log in (clone.folder / "logs").glob("*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    assert "| munet | 1 |" in done.stdout
