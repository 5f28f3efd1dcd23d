"""Settings of the objectives: what a network learns, and which networks it needs for that."""

import json
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import Settings
from mrsi_sr.settings.errors import rule

Pair = Annotated[list[Annotated[float, Field(ge=0, le=1000)]], Field(min_length=2, max_length=2)]


class Regression(Settings):
    """Objective (1 - alpha) x distance + alpha (1 - MS-SSIM)."""

    needed_roles: ClassVar[dict[str, tuple[str, ...]]] = {}

    alpha: float = Field(0.84, ge=0, le=1, description="share of the structural loss")
    distance: Literal["l1", "l2"] = Field(
        "l1", description="distance of values: mean absolute (l1) or mean squared (l2) difference"
    )


Truncation = Annotated[int, Field(ge=1, le=10_000)]


class _OfChain(Settings):
    """Rule of every objective with a diffusion chain."""

    @model_validator(mode="after")
    def _truncation_in_chain(self) -> Self:
        if self.truncation is not None and self.truncation > self.diffusion_steps:
            raise rule(
                "truncation",
                f"is {self.truncation}, expected at most diffusion_steps, which is {self.diffusion_steps}",
            )
        return self


class Adversarial(_OfChain):
    """Objective reconstruction x ((1 - alpha) L1 + alpha (1 - MS-SSIM)) + adversarial weight x Wasserstein loss.

    A munet makes the map; a denoising_unet makes the noisy map at the truncation step from noise (TDPM's generator).
    """

    needed_roles: ClassVar[dict[str, tuple[str, ...]]] = {}

    alpha: float = Field(0.84, ge=0, le=1, description="share of the structural loss in the reconstruction loss")
    reconstruction: float = Field(
        1.0, ge=0, le=10**6, description="weight of the reconstruction loss; 0: adversarial loss alone"
    )
    adversarial_weight: Pair = Field(
        [0.0, 0.1], description="range that each map's weight is drawn from, uniformly; equal values fix it"
    )
    zero_probability: float = Field(0.1, ge=0, le=1, description="probability that a map's weight is 0 instead")
    gradient_penalty: float = Field(10.0, ge=0, le=10**6, description="weight of the critic's gradient penalty")
    critic_steps: int = Field(
        5, ge=1, le=100, description="critic steps before each step of the network, each with a batch of its own"
    )
    critic_channels: int = Field(
        32, ge=1, le=256, description="number of channels of the critic's first layer (32 gives 1,284,129 parameters)"
    )
    diffusion_steps: int = Field(
        1000, ge=1, le=10_000, description="length of the chain, where the network makes a noisy map"
    )
    truncation: Truncation | None = Field(
        None, description="steps of the chain that remain after what the network makes; null: the map itself (munet)"
    )

    @model_validator(mode="after")
    def _weights_and_truncation(self) -> Self:
        lowest, highest = self.adversarial_weight
        if lowest > highest:
            raise rule("adversarial_weight", f"is {[lowest, highest]}, expected the lower one first")
        if (self.architecture == "munet") != (self.truncation is None):
            raise rule(
                "truncation",
                f"is {json.dumps(self.truncation)}, but with objective adversarial a munet makes the map itself (null),"
                " and a denoising_unet the map at the truncation step (a number)",
            )
        return self


class Likelihood(_OfChain):
    """Objective: negative log-likelihood in bits per voxel, a guide loss and a data-consistency loss."""

    needed_roles: ClassVar[dict[str, tuple[str, ...]]] = {"super_resolver": ("regression", "adversarial")}

    truncation: int = Field(
        0, ge=0, le=10_000, description="diffusion steps after which the flow learns the noisy map; 0: the map itself"
    )
    diffusion_steps: int = Field(1000, ge=1, le=10_000, description="length of the whole chain (cosine schedule)")
    guide_weight: float = Field(
        10,
        ge=0,
        le=10**6,
        description="weight of the guide loss: sample of temperature 0 against the map; 0: none",
    )
    alpha: float = Field(0.84, ge=0, le=1, description="share of the structural loss in the guide loss")
    data_consistency_weight: float = Field(
        0,
        ge=0,
        le=10**6,
        description="weight of the loss between samples of any temperature and the measured k-space (flow enhancer:"
        " 10); 0: none",
    )
    outside_noise: float | None = Field(
        None,
        ge=0,
        le=10,
        description="standard deviation of the noise in the flow's target outside the mask, for a map with range 1; 0:"
        " none, the target is masked; null: the chain's own, or 0.05 where truncation is 0",
    )


class NoisePrediction(_OfChain):
    """Objective: mean squared error of the estimated noise inside the mask."""

    needed_roles: ClassVar[dict[str, tuple[str, ...]]] = {}

    diffusion_steps: int = Field(1000, ge=1, le=10_000, description="length of the chain (cosine schedule)")
    truncation: Truncation | None = Field(
        None, description="number of first steps of the chain that are learned, at most diffusion_steps; null: all"
    )


MEAN = {"mean": ("regression",)}  # role of the trained network whose map is the centre


class EnsembleScore(Settings):
    """Objective: almost-fair CRPS and energy score of a few members around the map of a trained regressor."""

    needed_roles: ClassVar[dict[str, tuple[str, ...]]] = MEAN

    members: int = Field(2, ge=2, le=8, description="number of members drawn of each map")
    fairness: float = Field(
        0.95,
        ge=0,
        le=1,
        description="share of the fair CRPS, the rest is the usual one: without it members may agree by chance",
    )
    energy_weight: float = Field(
        1.0, ge=0, le=10**6, description="weight of the fair energy score of whole maps; 0: CRPS of voxels alone"
    )


StartingNoise = Annotated[float, Field(gt=0, le=10)]


class RectifiedFlow(Settings):
    """Objective: velocity from the map of a trained regressor, with noise, to the true map on straight paths."""

    needed_roles: ClassVar[dict[str, tuple[str, ...]]] = MEAN

    starting_noise: StartingNoise = Field(
        0.1, description="standard deviation of the noise at the start, in what was not measured, for maps with range 1"
    )


class Bridge(Settings):
    """Objective: true map from any point of a Brownian bridge between it and the zero-filled map (I2SB)."""

    needed_roles: ClassVar[dict[str, tuple[str, ...]]] = {}

    bridge_noise: StartingNoise = Field(
        0.1, description="diffusion coefficient: the bridge's standard deviation is half of it in the middle"
    )


class Shortcut(Settings):
    """Objective: velocity from pure noise to the map for steps of several lengths (shortcut model)."""

    needed_roles: ClassVar[dict[str, tuple[str, ...]]] = {}

    consistent_share: float = Field(
        0.25, gt=0, lt=1, description="share of a batch whose long steps learn to equal two of half the length"
    )
    halvings: int = Field(
        3, ge=1, le=10, description="number of halvings of the longest step: 3 for lengths 1, 1/2, 1/4, 1/8"
    )


OBJECTIVES: dict[str, type[Settings]] = {
    "regression": Regression,
    "adversarial": Adversarial,
    "likelihood": Likelihood,
    "noise_prediction": NoisePrediction,
    "ensemble_score": EnsembleScore,
    "rectified_flow": RectifiedFlow,
    "bridge": Bridge,
    "shortcut": Shortcut,
}
