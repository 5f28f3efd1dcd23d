"""Settings as text: JSON that rules and scripts exchange, and files of YAML or JSON, read strictly."""

import json
from pathlib import Path
from typing import Any

import yaml

from mrsi_sr.cli import UserError
from mrsi_sr.results.reading import UNREADABLE, check_once, reading, without_repetition

YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's reader of the same language where it is installed
MOST_VALUES, DEEPEST = 100_000, 40  # of a file: anchors within anchors unfold to more than a memory holds
MOST_BYTES = 16_777_216
SHOWN = 1000  # characters of a flag's value in an error


def as_json(value: Any) -> str:
    """JSON text with sorted keys: the order of keys in a file makes no difference.

    '<' is written as its code: the text stands in the HTML report, where `</script>` would end the report's program.
    """
    return json.dumps(value, sort_keys=True).replace("<", "\\u003c")


def read_object(text: str, flag: str) -> dict:
    """The mapping that a script's flag gives: as JSON text, or as `@FILE`, a JSON or YAML file.

    Raises UserError where it is neither, and for a key that is given twice.
    """
    if text.startswith("@"):
        given = read_yaml(text[1:], flag)
    else:
        try:
            given = json.loads(text, object_pairs_hook=without_repetition)
        except UNREADABLE as error:
            raise UserError(
                f"{flag} is not JSON: {error}\n  it was: {text[:SHOWN]}\n"
                "  expected an object such as '{\"seed\": 1}', or @FILE for a JSON or YAML file"
            ) from None
    if not isinstance(given, dict):
        raise UserError(f"{flag} is {text[:SHOWN]}\n  expected a JSON object such as '{{\"seed\": 1}}'")
    return given


def read_yaml(path: str | Path, what: str) -> Any:
    """The content of a YAML or JSON file. what: the flag or setting that names it.

    Raises UserError where the file is absent or not YAML, gives a key twice, or refers to itself.
    """
    with reading(path, f"the YAML file of {what}", "correct that"):
        if Path(path).stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES >> 20} MB")
        return _content(Path(path).read_bytes())


def read_value(text: str, what: str) -> Any:
    """The value of a flag as YAML. Raises UserError where it is not YAML, or gives a key twice."""
    try:
        return _content(text.encode())
    except UNREADABLE as error:
        raise UserError(f"{what} is not YAML: {error}") from None


def _content(yaml_text: bytes) -> Any:
    """Content of a YAML text. Raises ValueError, and whatever else the reader raises, where it cannot be used."""
    loader = YAML(yaml_text)
    try:
        _check_depth(yaml_text)
        root = loader.get_single_node()
        _check_nodes(root)
        return None if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    finally:
        loader.dispose()


def _check_depth(content: bytes) -> None:
    """Raise ValueError for brackets in brackets without end: libyaml composes their nodes until its stack is full."""
    depth = 0
    for event in yaml.parse(content, YAML):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"it is more than {DEEPEST} levels deep")


def _check_nodes(root: yaml.Node | None) -> None:
    """Raise ValueError for a key that is given twice, and for anchors that go in a circle or unfold without bound."""
    waiting, count = [(root, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if count > MOST_VALUES or depth > DEEPEST:
            raise ValueError(
                f"it refers to itself, or holds more than {MOST_VALUES:,} values or {DEEPEST} levels with its anchors"
            )
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            check_once(keys, f" in the object that begins in line {node.start_mark.line + 1}")
            waiting += [(each, depth + 1) for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(each, depth + 1) for each in node.value]
