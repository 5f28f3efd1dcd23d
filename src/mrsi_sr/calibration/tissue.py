"""Tissue of each voxel of a participant's slices, from its T1 image and its lesion."""

import numpy as np

from mrsi_sr.scan.slices import MRI_FACTOR, ParticipantSlices

TISSUES = ("grey", "white", "ventricle", "lesion")
BY_BRIGHTNESS = ("ventricle", "grey", "white")  # classes of a T1 image, the darkest first
ALL = "all"  # every valid voxel


def tissues_of(slices: ParticipantSlices) -> dict[str, np.ndarray]:
    """Voxels of each tissue, bool [S, N, N]; no voxel is in two.

    lesion: the stored lesion. The brain without it is divided by two thresholds of T1 brightness (Otsu's, of all the
    participant's slices together), and a voxel is of the class that most of its 27 MRI voxels have. It is a rough
    division: ventricle means all cerebrospinal fluid that fills most of a voxel, deep grey matter may count as white,
    a bias field shifts the classes, and partial volumes are of one class. Where T1 has fewer than three grey values
    in the brain, there is no tissue but the lesion.
    """
    from skimage.filters import threshold_multiotsu

    lesion = slices.lesion & slices.brain
    healthy = slices.brain & ~lesion
    t1 = _parts(slices.t1)
    inside = t1[healthy]
    classes = np.zeros((*healthy.shape, len(BY_BRIGHTNESS)), int)
    if len(np.unique(inside)) >= len(BY_BRIGHTNESS):
        thresholds = threshold_multiotsu(inside, classes=len(BY_BRIGHTNESS))
        number = np.digitize(t1, thresholds)
        classes = np.stack([(number == each).sum(axis=-1) for each in range(len(BY_BRIGHTNESS))], axis=-1)
    most = classes.argmax(axis=-1)
    known = healthy & (classes.sum(axis=-1) > 0)
    found = {name: known & (most == number) for number, name in enumerate(BY_BRIGHTNESS)} | {"lesion": lesion}
    return {name: found[name] for name in TISSUES}


def _parts(mri: np.ndarray) -> np.ndarray:
    """The MRI voxels in each voxel of the maps: [S, 3, 3N, 3N] -> [S, N, N, 27]."""
    number, depth, width, height = mri.shape
    x, y = width // MRI_FACTOR, height // MRI_FACTOR
    split = mri.reshape(number, depth, x, MRI_FACTOR, y, MRI_FACTOR)
    return split.transpose(0, 2, 4, 1, 3, 5).reshape(number, x, y, -1)
