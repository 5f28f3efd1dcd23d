"""The house: rooms in the order of the data's flow, imports that point down only, one name for one constant."""

import ast
from collections import Counter
from pathlib import Path

import pytest

TOOLS = {"cli", "kspace", "devices"}
# Rooms that each room may import, beside itself and the tools that are no room.
BELOW = {
    "cli": set(),
    "diffusion": set(),
    "results": {"diffusion"},
    "settings": {"results", "diffusion"},
    "kspace": {"settings", "scan"},
    "devices": set(),
}
BELOW["scan"] = BELOW["settings"] | {"settings"}
BELOW["lcmodel"] = BELOW["scan"] | {"scan"}
BELOW["phantom"] = BELOW["lcmodel"] | {"lcmodel"}
BELOW["maps"] = BELOW["lcmodel"] | {"lcmodel"}
BELOW["networks"] = BELOW["maps"] | {"maps"}
BELOW["objectives"] = BELOW["networks"] | {"networks"}
BELOW["samplers"] = BELOW["training"] = BELOW["objectives"] | {"objectives"}
BELOW["sampling"] = BELOW["samplers"] | {"samplers", "training"}
BELOW["evaluation"] = BELOW["scan"] | {"scan"}
BELOW["probing"] = BELOW["sampling"] | {"sampling", "evaluation"}
BELOW["calibration"] = BELOW["evaluation"] | {"evaluation"}
BELOW["report"] = BELOW["evaluation"] | {"evaluation", "calibration", "probing"}
BELOW["reader_study"] = BELOW["report"] | {"report"}
BELOW["new_scan"] = BELOW["sampling"] | BELOW["report"] | {"sampling", "report"}
BELOW["workflow"] = set(BELOW)
ENTRANCE = {"status.py", "estimate.py", "describe_networks.py"}  # of workflow/, beside the Snakefile and the rules


@pytest.fixture(scope="module")
def package(repository) -> Path:
    return repository / "src" / "mrsi_sr"


def imported(file: Path) -> set[str]:
    """Rooms that a file imports, anywhere in it. `from mrsi_sr import __version__` names none."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mrsi_sr":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names} & set(BELOW)
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("mrsi_sr.")}
    return found


def room_of(file: Path, package: Path) -> str:
    return file.relative_to(package).parts[0].removesuffix(".py")


def test_a_newcomer_sees_the_way_of_the_data_at_a_glance(package):
    entries = {path.name.removesuffix(".py") for path in package.iterdir() if path.name != "__pycache__"}
    assert entries - {"__init__"} == set(BELOW)
    assert len(entries - {"__init__"}) <= 22


def test_imports_point_down(package):
    wrong = [
        f"{file.relative_to(package)} imports {name}"
        for file in package.rglob("*.py")
        for room in [room_of(file, package)]
        for name in imported(file)
        if room != "__init__" and name not in BELOW[room] | TOOLS - {"cli" if room == "cli" else ""} | {room}
    ]
    assert not wrong, "\n".join(wrong)


def test_the_tools_of_everyone_know_no_room_that_computes(package):
    for tool in TOOLS:
        assert imported(package / f"{tool}.py") <= BELOW[tool] | TOOLS - {tool}


def test_the_workflow_is_entered_by_the_snakefile_and_three_scripts_alone(repository, package):
    files = [*(repository / "workflow" / "scripts").glob("*.py"), *package.rglob("*.py")]
    inside = package / "workflow"
    entered = {file.name for file in files if "workflow" in imported(file) and inside not in file.parents}
    assert entered <= ENTRANCE


def test_no_rule_file_and_no_scripts_help_needs_torch_where_a_registry_is_asked_for_a_name(package):
    """Registries are packages whose modules are loaded by name: their own file loads no torch."""
    for registry in ("networks", "objectives", "samplers", "training", "sampling"):
        tree = ast.parse((package / registry / "__init__.py").read_text())
        names = {
            alias.name.split(".")[0]
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in ([*node.names] if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
        }
        assert "torch" not in names, registry


def test_a_constant_is_defined_in_one_place(package):
    """Numbers of the field, such as the MRI's factor 3: a second definition would be a second truth."""
    defined = Counter()
    for file in package.rglob("*.py"):
        for node in ast.parse(file.read_text()).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            if isinstance(target, ast.Name):
                name = target.id
                if name in {"MRI_FACTOR", "FRAME", "SLICES", "METRICS", "REGIONS", "SIZES", "PROTOCOLS"}:
                    defined[name] += 1
    assert {name: count for name, count in defined.items() if count > 1} == {}


def test_unit_tests_mirror_the_rooms(repository):
    folders = {path.name for path in (repository / "tests" / "unit").iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} <= set(BELOW)
