"""A method's settings: a row of a table, made of a sampler and the names of the networks that it uses."""

from dataclasses import dataclass

from mrsi_sr.cli import UserError
from mrsi_sr.settings import Settings, check, chosen, join, listed, schema


@dataclass(frozen=True)
class MethodSettings(Settings):
    """The keys of workflow/schemas/method.schema.yaml, which explains them; sampler with its kind's own keys."""

    kinds = ("method",)
    label: str
    sampler: dict
    networks: dict[str, str]
    weights: str
    samples: int
    seed: int
    batch_size: int

    @classmethod
    def complete(cls, given: dict, where: str = "") -> dict:
        """Check and fill in the method and its sampler; it names a network for each role that the sampler has."""
        method = super().complete(given, where)
        place = join(where, "sampler")
        kind = chosen("sampler", "kind", method["sampler"], place)
        method["sampler"] = check(["sampler", f"sampler-{kind}"], method["sampler"], place)
        needed = schema(f"sampler-{kind}")["x-networks"]
        if sorted(method["networks"]) != sorted(needed):
            raise UserError(
                f"{join(where, 'networks')} names {listed(method['networks'])},"
                f" but the sampler {kind} needs {listed(needed)}"
            )
        return method


def check_role(sampler: dict, role: str, network: dict, where: str) -> None:
    """Raise UserError unless a network, given by its settings, has learned what its role in the sampler needs."""
    needed = schema(f"sampler-{sampler['kind']}")["x-networks"][role]
    if network["objective"] != needed:
        raise UserError(f"{where} has learned {network['objective']}, but the sampler {sampler['kind']} needs {needed}")
