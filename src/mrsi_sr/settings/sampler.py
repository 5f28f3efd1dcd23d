"""Settings of samplers: one class per kind, with the networks that it needs by role."""

import json
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import Metabolite, Settings, Size
from mrsi_sr.settings.errors import rule
from mrsi_sr.settings.objective import MEAN

Roles = dict[str, tuple[str, ...]]  # role of a network -> what the network may have learned
DENOISER: Roles = {"denoiser": ("noise_prediction",)}
MAP_NETWORK = ("regression", "adversarial")

Temperature = Annotated[float, Field(ge=0, le=100)]
Steps = Annotated[int, Field(ge=1, le=10_000)]
Clip = Annotated[list[Annotated[float, Field(ge=-1000, le=1000)]], Field(min_length=2, max_length=2)]
Variance = Literal["posterior", "beta"]
Spacing = Literal["time", "log_snr"]

CONDITIONED = ("conditioned_size", "conditioned_metabolite")  # keys of all samplers that change the condition
TEMPERATURE = "factor of the standard deviation of each step's noise"
VARIANCE = "variance of a reverse step's noise"
CLIP = (
    "lowest and highest value of the clean map estimated at each step, in units of the highest value that is meant"
    " (protocol paper: the map's maximum, clean: twice its estimate); null: no bounds"
)


class Sampler(Settings):
    """Base of all kinds. `kind` is the name of the sampler's function, the other keys are its keyword arguments.

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
    iterations: Annotated[int, Field(ge=1, le=10_000)] = Field(
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


class _Clipped(Sampler):
    """Rule of the samplers that bound the estimated clean map."""

    @model_validator(mode="after")
    def _lowest_first(self) -> Self:
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise rule("clip", f"is {self.clip}, expected the lowest value and then a higher one")
        return self


class Ancestral(_Clipped):
    """The reverse diffusion chain, one step at a time (Ho et al. 2020; FTDDM equation 12)."""

    networks: ClassVar[Roles] = DENOISER
    starts: ClassVar[str] = "noise"
    evaluations: ClassVar[str] = "diffusion_steps"

    kind: Literal["ancestral"]
    temperature: Temperature = Field(1.0, description=TEMPERATURE)
    variance: Variance = Field("posterior", description=VARIANCE)
    clip: Clip | None = Field([0.0, 1.0], description=f"{CLIP}, as in the papers' equation")


class Respaced(_Clipped):
    """Evenly spaced steps of the reverse diffusion chain (Nichol and Dhariwal 2021)."""

    networks: ClassVar[Roles] = DENOISER
    starts: ClassVar[str] = "noise"
    evaluations: ClassVar[str] = "steps"

    kind: Literal["respaced"]
    steps: Steps = Field(100, description="number of steps; at most the denoiser's diffusion_steps")
    temperature: Temperature = Field(1.0, description=TEMPERATURE)
    variance: Variance = Field("posterior", description=VARIANCE)
    clip: Clip | None = Field(
        [0.0, 1.0], description=f"{CLIP} (long steps from pure noise magnify its errors a thousandfold)"
    )


class DpmSolver(_Clipped):
    """DPM-Solver++(2M) (Lu et al. 2022): deterministic, second order, multistep."""

    networks: ClassVar[Roles] = DENOISER
    starts: ClassVar[str] = "noise"
    evaluations: ClassVar[str] = "steps + 1"

    kind: Literal["dpm_solver"]
    steps: Steps = Field(100, description="number of solver steps; fewer than the denoiser's diffusion_steps")
    spacing: Spacing = Field(
        "time",
        description="spacing of the solver's steps: even in time, as in its authors' program, or in log-SNR, where 20"
        " steps are more exact than 90 even in time (on Gaussian maps)",
    )
    clip: Clip | None = Field([0.0, 1.0], description=f"{CLIP} (near pure noise its errors are magnified)")


class _Truncated(_Clipped):
    """Keys of the samplers of a truncated chain, and their rules."""

    starts: ClassVar[str] = "draw"
    evaluations: ClassVar[str] = "1 + truncation, or steps + 2 with dpm_solver"

    variance: Variance = Field("posterior", description=VARIANCE)
    solver: Literal["ancestral", "dpm_solver"] = Field(
        "ancestral", description="walk down the truncated chain: step by step, or by DPM-Solver++ in fewer steps"
    )
    steps: Steps | None = Field(
        None,
        description="number of steps of dpm_solver, fewer than the truncation; null for ancestral, which takes every"
        " step",
    )
    spacing: Spacing = Field("time", description="spacing of dpm_solver's steps: even in time or in log-SNR")
    clip: Clip | None = Field(None, description=CLIP)

    @model_validator(mode="after")
    def _steps_belong_to_the_solver(self) -> Self:
        if (self.solver == "dpm_solver") != (self.steps is not None):
            raise rule(
                "steps",
                f"is {json.dumps(self.steps)} and solver is {self.solver}: dpm_solver needs a number of steps,"
                " ancestral takes all and needs null",
            )
        return self


class Tdpm(_Truncated):
    """TDPM (Zheng et al. 2022): a generator draws the map at the truncation point, then the truncated chain."""

    networks: ClassVar[Roles] = {"generator": ("adversarial",), **DENOISER}

    kind: Literal["tdpm"]
    temperature: Temperature = Field(1.0, description=f"{TEMPERATURE}; dpm_solver adds none")


class Ftddm(_Truncated):
    """FTDDM, algorithm 1: a flow draws the map at the truncation point, then the truncated chain."""

    networks: ClassVar[Roles] = {"flow": ("likelihood",), **DENOISER}

    kind: Literal["ftddm"]
    flow_temperature: Temperature = Field(
        0.9, description="tau_f, factor of the standard deviation of the flow's base distribution"
    )
    temperature: Temperature = Field(0.9, description=f"tau_d, {TEMPERATURE}; dpm_solver adds none")

    @property
    def is_random(self) -> bool:
        return self.flow_temperature > 0 or (self.temperature > 0 and self.solver == "ancestral")


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

    kind: Literal["rectified_flow"]
    starting_noise: float = Field(
        0.1, gt=0, le=10, description="standard deviation of the noise at the start; that of the network's training"
    )
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

    kind: Literal["bridge"]
    steps: Steps = Field(4, description="number of evenly spaced steps")
    bridge_noise: float = Field(
        0.1, gt=0, le=10, description="diffusion coefficient of the bridge; that of the network's training"
    )

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
