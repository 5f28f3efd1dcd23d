"""Settings of the samplers that walk down a diffusion chain."""

import json
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.errors import rule
from mrsi_sr.settings.sampler_base import Roles, Sampler, Steps, Temperature

DENOISER: Roles = {"denoiser": ("noise_prediction",)}

Clip = Annotated[list[Annotated[float, Field(ge=-1000, le=1000)]], Field(min_length=2, max_length=2)]
Variance = Literal["posterior", "beta"]
Spacing = Literal["time", "log_snr"]

TEMPERATURE = "factor of the standard deviation of each step's noise"
VARIANCE = "variance of a reverse step's noise"
CLIP = (
    "lowest and highest value of the clean map estimated at each step, in units of the highest value that is meant"
    " (protocol paper: the map's maximum, clean: twice its estimate); null: no bounds"
)


class _Clipped(Sampler):
    """Rule of the samplers that bound the estimated clean map."""

    @model_validator(mode="after")
    def _lowest_first(self) -> Self:
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise rule("clip", f"is {self.clip}, expected the lowest value and then a higher one")
        return self


class _FromNoise(_Clipped):
    """What the samplers of a whole chain have in common."""

    networks: ClassVar[Roles] = DENOISER
    starts: ClassVar[str] = "noise"


class Ancestral(_FromNoise):
    """The reverse diffusion chain, one step at a time (Ho et al. 2020; FTDDM equation 12)."""

    evaluations: ClassVar[str] = "diffusion_steps"

    kind: Literal["ancestral"]
    temperature: Temperature = Field(1.0, description=TEMPERATURE)
    variance: Variance = Field("posterior", description=VARIANCE)
    clip: Clip | None = Field([0.0, 1.0], description=f"{CLIP}, as in the papers' equation")


class Respaced(_FromNoise):
    """Evenly spaced steps of the reverse diffusion chain (Nichol and Dhariwal 2021)."""

    evaluations: ClassVar[str] = "steps"

    kind: Literal["respaced"]
    steps: Steps = Field(100, description="number of steps; at most the denoiser's diffusion_steps")
    temperature: Temperature = Field(1.0, description=TEMPERATURE)
    variance: Variance = Field("posterior", description=VARIANCE)
    clip: Clip | None = Field(
        [0.0, 1.0], description=f"{CLIP} (long steps from pure noise magnify its errors a thousandfold)"
    )


class DpmSolver(_FromNoise):
    """DPM-Solver++(2M) (Lu et al. 2022): deterministic, second order, multistep."""

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
