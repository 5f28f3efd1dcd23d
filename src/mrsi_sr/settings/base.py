"""The base class of all settings: strict types, errors in words, and the text form that rules and scripts exchange."""

import json
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from mrsi_sr.cli import UserError
from mrsi_sr.settings.errors import explained

YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's reader of the same language where it is installed
NAME = r"^[A-Za-z0-9_]+$"  # of networks, methods, experiments, tables, figures: parts of file names


class Settings(BaseModel):
    """Settings of one thing. Each field has its type, bounds, default and meaning; validators are rules between keys.

    Strict: text is no number, 8.0 is no integer, NaN is no number, an unknown key is an error.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def checked(cls, given: Any, where: str = "") -> Self:
        """Settings from a raw mapping, with defaults for what is left out.

        where: full name of the mapping in the configuration, which errors put before a key.
        Raises UserError that names each wrong key, its value and what is allowed.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise UserError(explained(cls.model_json_schema(), given, error.errors(), where)) from None

    @classmethod
    def of(cls, **keys) -> Self:
        """Settings with these values, the others at their defaults. Raises UserError as `checked` does."""
        return cls.checked(keys)

    @classmethod
    def from_text(cls, text: str, flag: str = "--settings") -> Self:
        """Settings from the value of a script's flag, which `read_object` explains. Raises UserError."""
        return cls.checked(read_object(text, flag))

    def __or__(self, changes: dict) -> Self:
        """The same settings with other values for some keys, checked again."""
        return type(self).checked(self.plain() | changes)

    def plain(self) -> dict:
        """All keys and values as JSON can hold them."""
        return self.model_dump(mode="json")

    def as_json(self) -> str:
        """The settings as text; equal settings are equal texts."""
        return as_json(self.plain())


def as_json(value: Any) -> str:
    """JSON text with sorted keys: the order of keys in a file makes no difference."""
    return json.dumps(value, sort_keys=True)


def read_object(text: str, flag: str) -> dict:
    """The mapping that a script's flag gives: as JSON text, or as `@FILE`, a JSON or YAML file.

    Raises UserError where it is neither.
    """
    try:
        given = read_yaml(text[1:], flag) if text.startswith("@") else json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{flag} is not JSON: {error}\n  it was: {text}\n"
            "  expected an object such as '{\"seed\": 1}', or @FILE for a JSON or YAML file"
        ) from None
    if not isinstance(given, dict):
        raise UserError(f"{flag} is {text}\n  expected a JSON object such as '{{\"seed\": 1}}'")
    return given


def read_yaml(path: str | Path, what: str) -> Any:
    """The content of a YAML or JSON file. what: the flag or setting that names it.

    Raises UserError where the file is absent or not YAML.
    """
    try:
        return yaml.load(Path(path).read_text(), Loader=YAML)
    except OSError as error:
        raise UserError(f"{what} {path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{what} {path} is not YAML: {error}") from None


def _all_different(values: list) -> list:
    if len({json.dumps(value) for value in values}) < len(values):
        raise PydanticCustomError("unique", "entries that differ")
    return values


Different = AfterValidator(_all_different)  # of a list without repetitions
Names = Annotated[list[str], Field(min_length=1), Different]
Size = Annotated[int, Field(ge=2, le=1024, multiple_of=2)]  # matrix size of a low-resolution map
Sizes = Annotated[list[Size], Field(min_length=1), Different]
Name = Annotated[str, Field(pattern=NAME)]
Label = Annotated[str, Field(min_length=1, max_length=200)]  # of a method, in tables and figures
