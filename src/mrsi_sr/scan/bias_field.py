"""Bias field of an MR image, by N4 (Tustison et al. 2010)."""

import numpy as np

from mrsi_sr.scan.image import Image, coarser, of_itk, one_thread

GRID_MM = 6.0  # of the estimate: the field is smooth over centimetres
ITERATIONS = (50, 50, 30)  # at most, on control grids from coarse to fine


def removed(image: Image, brain: np.ndarray) -> np.ndarray:
    """Values of an image [X, Y, Z] without its bias field, float32. brain: bool, where the field is estimated.

    The field has the mean 1 over the brain, so that intensities keep their size.
    """
    import SimpleITK as sitk

    small = coarser(image, GRID_MM)
    inside = (Image(brain, image.affine).on_grid_of(small) > 0.5) & (small.values > 0)
    with one_thread():
        n4 = sitk.N4BiasFieldCorrectionImageFilter()
        n4.SetMaximumNumberOfIterations(ITERATIONS)
        source = of_itk(small)
        n4.Execute(source, sitk.Cast(of_itk(Image(inside, small.affine)), sitk.sitkUInt8))
        field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(source)).T
    field = Image(field - field[inside].mean(), small.affine).on_grid_of(image)
    return (image.values / np.exp(field)).astype(np.float32)
