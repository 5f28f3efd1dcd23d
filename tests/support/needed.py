"""The libraries that a script's work needs: what else takes long to import is missing where the tests run scripts."""

import sys
from pathlib import Path

HEAVY = (
    "torch", "pandas", "scipy.stats", "statsmodels", "sklearn", "nilearn.image", "nilearn.datasets", "nilearn.plotting",
    "matplotlib", "SimpleITK", "diffusers",
)  # fmt: skip
NEVER = ("snakemake",)  # scripts are run by hand too, and in environments without it

# By script; those that are not named may need all.
NEEDED = dict.fromkeys(
    ["check", "claim", "folds", "ingest", "inventory", "mask", "page", "simulate", "slices", "truncate"], ()
)
NEEDED |= dict.fromkeys(["montage", "losses"], ("matplotlib",))
NEEDED |= dict.fromkeys(["cohort_summary", "shown_maps", "table"], ("pandas",))
NEEDED |= dict.fromkeys(["train", "sample"], ("torch",))
NEEDED |= {
    "compare": ("pandas", "scipy.stats", "statsmodels"),
    "evaluate": ("pandas", "torch"),  # torch for LPIPS
    "calibrate": ("pandas", "scipy.stats", "torch"),
    "calibration_report": ("matplotlib", "pandas", "scipy.stats", "statsmodels"),
    "figure": ("matplotlib", "pandas"),
}

# Python runs this before the script.
SITECUSTOMIZE = "import needed\nneeded.hide()\n"


def hide() -> None:
    """Make the libraries that this process's script does not need impossible to import, also where they are there."""
    script = next((Path(word).stem for word in sys.orig_argv if "workflow/scripts/" in word), "")
    hidden = {*NEVER, *HEAVY} - set(NEEDED.get(script, HEAVY))
    for name in hidden:
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            vars(sys.modules[parent]).pop(child, None)
        for each in [each for each in sys.modules if f"{each}.".startswith(f"{name}.")]:
            del sys.modules[each]
    sys.meta_path.insert(0, Hidden(hidden))


class Hidden:
    """Finder of modules that finds these nowhere. What asks whether they are loaded sees that they are not."""

    def __init__(self, names: set[str]):
        self.names = names

    def find_spec(self, name: str, path=None, target=None) -> None:
        if name in self.names:
            raise ModuleNotFoundError(f"No module named '{name}' for a script that has no need of it", name=name)
