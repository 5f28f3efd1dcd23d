"""Settings of a table of costs: what the workflow knows of an experiment beside its records."""

from pydantic import Field

from mrsi_sr.settings.base import Names
from mrsi_sr.settings.report import Shown


class CostsSettings(Shown):
    """An experiment whose costs are told. Without a list of methods, those that there are records of."""

    methods: Names | None = Field(None, description="methods, in the order shown; null: all, by name")
    homes: dict[str, str] = Field({}, description="experiment that trains a network in place of this one, by network")
