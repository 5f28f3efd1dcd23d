"""Settings explained in the --help of a script."""

import json
import textwrap

from mrsi_sr.settings.base import Settings
from mrsi_sr.settings.errors import allowed

COLUMN, WIDTH = 32, 118  # where a key's meaning starts, and where its lines end, in characters
SETTINGS_FLAG = "settings as a JSON object, or @FILE for a JSON or YAML file; see below"


def help_of(*classes: type[Settings], title: str = "settings, with their defaults") -> str:
    """Text for a script's help: one line for each key of the classes, with its default, its meaning and its choices."""
    lines = [f"{title}:"]
    for settings in classes:
        schema = settings.model_json_schema()
        for key, node in keys_of(schema).items():
            words = allowed(node, schema)
            text = "; ".join([node["description"], *([words] if words.startswith("one of ") else [])])
            start = f"  {key} {default_of(node)} ".ljust(COLUMN)
            lines += textwrap.wrap(
                text, WIDTH, initial_indent=start, subsequent_indent=" " * COLUMN,
                break_on_hyphens=False, break_long_words=False,
            )  # fmt: skip
    return "\n".join(lines)


def keys_of(schema: dict) -> dict[str, dict]:
    """The keys of a class's JSON schema, without the one that selects the class, such as a sampler's kind."""
    return {key: node for key, node in schema.get("properties", {}).items() if "const" not in node}


def default_of(node: dict) -> str:
    """Default of a key as JSON text, or (required)."""
    return json.dumps(node["default"]) if "default" in node else "(required)"
