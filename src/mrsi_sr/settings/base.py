"""The base class of all settings: strict types, errors in words; and the types of values that several settings have."""

import json
from functools import cache
from typing import Annotated, Any, Literal, Self
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from mrsi_sr.cli import UserError
from mrsi_sr.results.names import METABOLITE, check_name
from mrsi_sr.settings.errors import explained, listed
from mrsi_sr.settings.text import as_json, read_object

NAME = r"^[A-Za-z0-9_]{1,100}$"  # of networks, methods, experiments, tables, figures: parts of file names
METHOD_POINT = r"^[A-Za-z0-9_]{1,100}(@[A-Za-z0-9_.+-]{1,100})?$"  # a method, or one point of its sweep: NAME@VALUE
MOST_FOLDS = 1000


@cache
def _schema(settings: type[BaseModel]) -> dict:
    return settings.model_json_schema()


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
            raise UserError(explained(_schema(cls), given, error.errors(), where)) from None

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


def unusable_in_paths(text: str) -> str:
    """What a text has that cannot be in the path of an input, in words; empty for a path that can be used.

    Braces are Snakemake's wildcards, angle brackets the HTML report's tags.
    """
    unusable = dict.fromkeys(repr(letter) for letter in text if letter in "{}<>" or not _is_printed(letter))
    return listed(unusable) if unusable else ""


def _all_different(values: list) -> list:
    if len({json.dumps(value) for value in values}) < len(values):
        raise PydanticCustomError("unique", "entries that differ")
    return values


def _is_printed(letter: str) -> bool:
    """Whether a letter is no control character and no line break; blanks of any width are printed."""
    return letter.isprintable() or category(letter) == "Zs"


def _one_line(text: str) -> str:
    if not all(map(_is_printed, text)) or text != text.strip():
        raise PydanticCustomError("one_line", "one line of text")
    return text


def _usable_path(path: str) -> str:
    if unusable := unusable_in_paths(path):
        raise PydanticCustomError("path", "path", {"unusable": unusable})
    return path


def _usable_pattern(path: str) -> str:
    _usable_path(path.replace("{participant}", ""))
    return path


def _metabolite(name: str) -> str:
    try:
        return check_name(name, "a metabolite", METABOLITE)
    except UserError:
        raise PydanticCustomError("metabolite", "name of a metabolite") from None


Different = AfterValidator(_all_different)  # of a list without repetitions
Name = Annotated[str, Field(pattern=NAME)]
Names = Annotated[list[str], Field(min_length=1, max_length=1000), Different]
Size = Annotated[int, Field(ge=2, le=1024, multiple_of=2)]  # matrix size of a low-resolution map
Sizes = Annotated[list[Size], Field(min_length=1), Different]
Words = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]  # shown in tables and figures
File = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_usable_path)]
FileOfParticipant = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_usable_pattern)]
Metabolite = Annotated[str, AfterValidator(_metabolite)]
Metric = Literal["nrmse", "psnr", "ssim", "lpips_vgg", "lpips_alex"]
Metrics = Annotated[list[Metric], Field(min_length=1), Different]
FoldNumber = Annotated[int, Field(ge=1, le=MOST_FOLDS)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Seeds = Annotated[list[Seed], Field(min_length=1, max_length=100), Different]
MAGNITUDE = 1e6  # bound of a swept number
SweptValue = (
    Annotated[int, Field(ge=-MAGNITUDE, le=MAGNITUDE)]
    | Annotated[float, Field(ge=-MAGNITUDE, le=MAGNITUDE)]
    | Annotated[str, Field(min_length=1, max_length=100)]
)
MethodPoint = Annotated[str, Field(pattern=METHOD_POINT)]
MethodPoints = Annotated[list[MethodPoint], Field(min_length=1, max_length=1000), Different]
FolderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$")]  # of cohorts and participants
