"""Settings of samplers: one class per kind, with the networks that it needs by role."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.chain_sampler import Ancestral, DpmSolver, Ftddm, Respaced, Tdpm
from mrsi_sr.settings.errors import rule
from mrsi_sr.settings.objective import MEAN
from mrsi_sr.settings.sampler_base import MAP_NETWORK, Roles, Sampler, Steps, Temperature


class ZeroFilled(Sampler):
    """The low-resolution map itself: the missing k-space is zero."""

    evaluations: ClassVar[str] = "0"

    kind: Literal["zero_filled"]

    @property
    def is_random(self) -> bool:
        return False


class Interpolated(Sampler):
    """Interpolation of the low-resolution image by a kernel, as image viewers do it; it keeps nothing exactly."""

    evaluations: ClassVar[str] = "0"

    kind: Literal["interpolated"]
    kernel: Literal["lanczos", "cubic"] = Field(
        "lanczos", description="kernel: Lanczos' of three lobes, or cubic convolution (Catmull-Rom)"
    )

    @property
    def is_random(self) -> bool:
        return False


class Guided(Sampler):
    """MRI-guided reconstruction (Tikhonov): maps that fit the measurement, smooth but at edges of T1 and FLAIR."""

    evaluations: ClassVar[str] = "0"
    reads_mri: ClassVar[bool] = True

    kind: Literal["guided"]
    weight: float = Field(0.01, ge=0, le=1000, description="weight of the smoothness beside the measured data's")
    edge: float = Field(
        0.1,
        gt=0,
        le=10,
        description="difference of T1 or FLAIR (values 0 to 1) between neighbours at which their smoothness counts 0.6"
        " times as much as within a tissue",
    )
    iterations: Steps = Field(
        40,
        description="number of iterations of conjugate gradients; at an upscaling factor of 8 more fit the noise and"
        " are worse",
    )

    @property
    def is_random(self) -> bool:
        return False


class SinglePass(Sampler):
    """One evaluation of a network that returns the map."""

    networks: ClassVar[Roles] = {"network": MAP_NETWORK}
    by_size: ClassVar[bool] = True
    evaluations: ClassVar[str] = "1"

    kind: Literal["single_pass"]
    adversarial_weight: float | None = Field(
        None,
        ge=0,
        le=1000,
        description="adversarial weight that a network with sharpness is conditioned on: higher is sharper; null"
        " without sharpness",
    )

    @property
    def is_random(self) -> bool:
        return False


class FlowSample(Sampler):
    """A draw from a conditional normalizing flow of maps (FTDDM equation 11; flow enhancer section 2.4)."""

    networks: ClassVar[Roles] = {"flow": ("likelihood",)}
    optional_networks: ClassVar[Roles] = {"super_resolver": MAP_NETWORK}
    evaluations: ClassVar[str] = "1"

    kind: Literal["flow"]
    temperature: Temperature = Field(0.8, description="factor of the standard deviation of the latents")

    @property
    def is_random(self) -> bool:
        return self.temperature > 0


class EnsembleMember(Sampler):
    """One evaluation of a noise-conditioned network around a regressor's map: a member of an ensemble."""

    networks: ClassVar[Roles] = {"network": ("ensemble_score",), **MEAN}
    evaluations: ClassVar[str] = "2"

    kind: Literal["ensemble_member"]


class RectifiedFlow(Sampler):
    """A few steps from a regressor's map, with noise in what was not measured (flow of Liu et al. 2023)."""

    networks: ClassVar[Roles] = {"network": ("rectified_flow",), **MEAN}
    evaluations: ClassVar[str] = "1 + least_steps to 1 + most_steps"
    of_network: ClassVar[tuple[str, ...]] = ("starting_noise",)

    kind: Literal["rectified_flow"]
    least_steps: int = Field(2, ge=2, le=100, description="number of steps where half of each axis was measured")
    most_steps: int = Field(
        3,
        ge=2,
        le=100,
        description="bound of the number of steps, which is the binary logarithm of the upscaling factor, rounded up",
    )

    @model_validator(mode="after")
    def _least_is_not_most(self) -> Self:
        if self.least_steps > self.most_steps:
            raise rule("least_steps", f"is {self.least_steps}, expected at most most_steps, which is {self.most_steps}")
        return self


class Bridge(Sampler):
    """A few steps of a Brownian bridge from the zero-filled map to the true one (I2SB, Liu et al. 2023)."""

    networks: ClassVar[Roles] = {"network": ("bridge",)}
    evaluations: ClassVar[str] = "steps"
    of_network: ClassVar[tuple[str, ...]] = ("bridge_noise",)

    kind: Literal["bridge"]
    steps: Steps = Field(4, description="number of evenly spaced steps")

    @property
    def is_random(self) -> bool:
        return self.steps > 1


class Shortcut(Sampler):
    """Steps of a shortcut model from pure noise (Frans et al. 2025; for MRSI Marshall et al. 2026)."""

    networks: ClassVar[Roles] = {"network": ("shortcut",)}
    evaluations: ClassVar[str] = "steps"

    kind: Literal["shortcut"]
    steps: Literal[1, 2, 4, 8, 16, 32, 64, 128] = Field(4, description="number of steps, each of length 1/steps")


SAMPLERS: dict[str, type[Sampler]] = {
    "zero_filled": ZeroFilled,
    "interpolated": Interpolated,
    "guided": Guided,
    "single_pass": SinglePass,
    "ancestral": Ancestral,
    "respaced": Respaced,
    "dpm_solver": DpmSolver,
    "tdpm": Tdpm,
    "ftddm": Ftddm,
    "flow": FlowSample,
    "ensemble_member": EnsembleMember,
    "rectified_flow": RectifiedFlow,
    "bridge": Bridge,
    "shortcut": Shortcut,
}
