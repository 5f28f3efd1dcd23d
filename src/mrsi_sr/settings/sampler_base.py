"""What the settings of all kinds of samplers have in common."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mrsi_sr.settings.base import Metabolite, Settings, Size

Roles = dict[str, tuple[str, ...]]  # role of a network -> what the network may have learned
MAP_NETWORK = ("regression", "adversarial")

Temperature = Annotated[float, Field(ge=0, le=100)]
Steps = Annotated[int, Field(ge=1, le=10_000)]

CONDITIONED = ("conditioned_size", "conditioned_metabolite")  # keys of all samplers that change the condition


class Sampler(Settings):
    """Base of all kinds. `kind` is the name of the sampler's function, the other keys are its keyword arguments.

    Beside these it takes the keys of its network's training that `of_network` names.

    networks, optional_networks: roles of the networks that it uses. by_size: whether there may be a network for each
    low-resolution size (roles size_8, size_10, ..) in place of `network`. starts: where its diffusion chain starts:
    from pure noise, from what another network draws at the truncation point, or None for a sampler without a chain.
    """

    networks: ClassVar[Roles] = {}
    optional_networks: ClassVar[Roles] = {}
    by_size: ClassVar[bool] = False
    starts: ClassVar[Literal["noise", "draw"] | None] = None
    evaluations: ClassVar[str]  # number of network evaluations, in words
    reads_mri: ClassVar[bool] = False  # by itself, whatever its networks read
    of_network: ClassVar[tuple[str, ...]] = ()  # keys of the training of `network`

    conditioned_size: Size | None = Field(
        None, description="low-resolution size that networks are conditioned on; null: the map's own"
    )
    conditioned_metabolite: Metabolite | None = Field(
        None, description="metabolite that networks are conditioned on; null: the map's own"
    )

    @property
    def is_random(self) -> bool:
        """Whether two draws of a map differ, each with noise of its own."""
        return True

    @property
    def own(self) -> dict:
        """Keyword arguments of the sampler's function."""
        return {key: getattr(self, key) for key in type(self).model_fields if key not in ("kind", *CONDITIONED)}
