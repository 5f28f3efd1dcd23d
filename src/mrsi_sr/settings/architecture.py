"""Settings of the architectures: what each network is made of."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import Different, Settings
from mrsi_sr.settings.errors import listed, rule

FRAME = 64  # side of a map in voxels
MapSize = Literal[64, 32, 16, 8, 4, 2, 1]
Width = Annotated[int, Field(ge=2, le=1024, multiple_of=2)]


class MUNet(Settings):
    """Multi-encoder U-Net, for the objectives regression and adversarial."""

    learns: ClassVar[tuple[str, ...]] = ("regression", "adversarial")

    channels: int = Field(
        8, ge=1, le=128, description="number of channels of the first level; each level below has twice as many"
    )
    modulation: Literal["none", "filter_scaling", "am_layer", "hypernetwork"] = Field(
        "none",
        description="effect of the low-resolution size on the convolutions: none, a factor per filter (3,935,697"
        " parameters), scale and shift of features (1,516,961), or all kernels predicted (26,411,313)",
    )
    metabolite: bool = Field(
        False, description="conditioning of filter_scaling on the metabolite as well (6,935,453 parameters)"
    )
    sharpness: bool = Field(
        False,
        description="conditioning on the adversarial weight, by conditional instance norm (7,448,637 parameters with"
        " filter_scaling and metabolite; 27,506,989 with 16 channels)",
    )
    metabolites: int = Field(
        7, ge=1, le=100, description="number of metabolites; the configuration takes it from the cohort's list"
    )

    @model_validator(mode="after")
    def _modulation_has_its_condition(self) -> Self:
        if self.metabolite and self.modulation != "filter_scaling":
            raise rule(
                "metabolite",
                f"is true and modulation {self.modulation}: the metabolite acts through filter_scaling",
            )
        if self.sharpness and self.objective != "adversarial":
            raise rule(
                "sharpness",
                f"is true and objective {self.objective}: only the objective adversarial has an adversarial weight",
            )
        return self


class _Levels(Settings):
    """Keys of the U-Nets with the denoiser's layers, and their rule."""

    channels: Annotated[list[Width], Field(min_length=1, max_length=7)] = Field(
        [64, 128, 192, 256], description="number of channels of each level; each level below has half the map size"
    )
    residual_blocks: int = Field(
        3, ge=1, le=32, description="residual blocks of each level on the way down; one more on the way up"
    )
    attention_at: Annotated[list[MapSize], Different] = Field(
        [16, 8],
        description="map sizes (of a 64x64 map: 64, 32, 16, ... one for each level) whose residual blocks are followed"
        " by attention",
    )
    heads: int = Field(
        4,
        ge=1,
        le=128,
        description="attention heads; a divisor of the channels of the deepest level and of levels with attention",
    )
    normalisation: Literal["group", "instance"] = Field(
        "group",
        description="statistics of the normalisation: of 32 groups of channels (fewer at narrow widths), or of each"
        " channel (as FTDDM words it)",
    )

    @model_validator(mode="after")
    def _attention_fits(self) -> Self:
        """Attention is at levels that exist, and the heads divide the channels wherever there is attention."""
        sizes = map_sizes(self.channels)
        for size in self.attention_at:
            if size not in sizes:
                raise rule("attention_at", f"holds {size}, expected map sizes of levels: {listed(sizes)}")
        attended = {c for c, size in zip(self.channels, sizes, strict=True) if size in self.attention_at}
        for width in sorted(attended | {self.channels[-1]}):
            if width % self.heads:
                raise rule(
                    "heads",
                    f"is {self.heads}, expected a divisor of the channels of the deepest level and of every level with"
                    f" attention, also of {width}",
                )
        return self


class DenoisingUNet(_Levels):
    """Denoising U-Net, for noise_prediction, and for adversarial with a truncation (TDPM's generator).

    The defaults give 32,989,761 trainable parameters, 30,301,761 without the upscaling factor.
    """

    learns: ClassVar[tuple[str, ...]] = ("noise_prediction", "adversarial")

    upscaling_factor: bool = Field(True, description="conditioning on the upscaling factor")
    mask: bool = Field(
        True,
        description="quality mask as an input; without it there is one input channel less (FTDDM table 3; noise stays"
        " inside the mask)",
    )
    mri: bool = Field(True, description="T1 and FLAIR as inputs; without them there are two input channels less")


class Flow(Settings):
    """Conditional normalizing flow, for likelihood. The defaults give FTDDM's 17,554,444 trainable parameters.

    FTDDM's has a truncation, the flow enhancer `needs: {super_resolver: NETWORK}`, SRFlow neither.
    """

    learns: ClassVar[tuple[str, ...]] = ("likelihood",)

    features: Width = Field(
        128,
        description="number of channels inside the networks of injectors and couplings; condition networks have half",
    )
    levels: int = Field(
        4, ge=2, le=6, description="number of grids, each half as fine as the one above; the first is the map's own"
    )
    steps: int = Field(12, ge=1, le=100, description="number of flow steps of each level")
    base: Literal["learned", "conditional", "standard"] = Field(
        "learned",
        description="distribution of the latents: a learned mean and spread for each, the same computed from the"
        " condition, or standard normal",
    )
    mask: bool = Field(True, description="conditioning on the quality mask")
    mri: bool = Field(True, description="conditioning on T1 and FLAIR")
    upscaling_factor: bool = Field(
        False, description="conditioning on the upscaling factor, as a map of one value; the papers' flows are without"
    )


class UNet(_Levels):
    """U-Net with the denoiser's layers that makes maps: a regressor, and the networks of few evaluations.

    The defaults give about as many parameters as the denoising U-Net with upscaling factor.
    """

    learns: ClassVar[tuple[str, ...]] = ("regression", "ensemble_score", "rectified_flow", "bridge", "shortcut")

    neighbours: bool = Field(
        False, description="low-resolution maps of the slices below and above as inputs (2.5-D); their own at the ends"
    )
    noise: int = Field(
        0,
        ge=0,
        le=1024,
        description="length of the random vector that scales and shifts features, for ensemble_score; 0: none",
    )
    consistency: Literal["exact", "soft"] = Field(
        "exact",
        description="measured k-space in the map: exact, or soft, weighted by the measurement's noise as its %SD tell"
        " (low_resolution refitted; without that noise soft is exact)",
    )

    @model_validator(mode="after")
    def _noise_is_of_ensembles(self) -> Self:
        if (self.noise > 0) != (self.objective == "ensemble_score"):
            raise rule(
                "noise",
                f"is {self.noise} and objective {self.objective}: ensemble_score needs a random vector, others have"
                " none",
            )
        return self


ARCHITECTURES: dict[str, type[Settings]] = {
    "munet": MUNet,
    "denoising_unet": DenoisingUNet,
    "flow": Flow,
    "unet": UNet,
}


def map_sizes(channels: list[int]) -> list[int]:
    """Map size at each level of the denoising U-Net, of a map of 64x64."""
    return [FRAME // 2**level for level in range(len(channels))]
