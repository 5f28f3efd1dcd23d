"""Holes of maps: values for voxels without a trusted fit, continued from those around them."""

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve


def fill(values: np.ndarray, valid: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Maps whose invalid voxels inside the support are filled harmonically, zero outside the support.

    Each filled voxel is the mean of its neighbours in plane (Laplace's equation): valid voxels keep their values, and
    what lies outside the support has no influence, so a margin continues the values that it borders on. Filled values
    lie between the smallest and largest valid one. A part of the support without any valid voxel gets the map's mean
    valid value. Voxels count as square.

    values: float [..., X, Y], anything where not valid; valid, support: bool, of the same shape or broadcast to it.
    Returns an array as `values`; a map without a valid voxel is zero.
    """
    valid, support = (np.broadcast_to(mask, values.shape) for mask in (valid, support))
    filled = np.where(valid, values, 0).astype(values.dtype)
    for index in np.ndindex(values.shape[:-2]):
        holes = support[index] & ~valid[index]
        if holes.any() and valid[index].any():
            filled[index][holes] = _continued(filled[index], valid[index], holes)
    return filled


def _continued(values: np.ndarray, valid: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Values of the holes [H] of one map [X, Y]."""
    inside = valid | holes
    neighbours = _neighbours(inside)
    known, unknown = (np.flatnonzero(mask[inside]) for mask in (valid, holes))
    given, result = values[inside].astype(float), np.full(np.count_nonzero(inside), values[valid].mean(dtype=float))
    _, part = connected_components(neighbours, directed=False)
    solved = unknown[np.isin(part[unknown], part[known])]
    if solved.size:
        degree = neighbours.sum(axis=1)[solved]
        laplacian = csr_array((degree, (range(len(solved)), range(len(solved))))) - neighbours[solved][:, solved]
        result[solved] = spsolve(laplacian.tocsc(), neighbours[solved][:, known] @ given[known])
    return result[unknown]


def _neighbours(inside: np.ndarray) -> csr_array:
    """Adjacency of the N voxels of a mask [X, Y], float [N, N]: 1 for voxels that share an edge."""
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(np.count_nonzero(inside))
    pairs = np.concatenate(
        [
            np.stack([number[:-1].ravel(), number[1:].ravel()]),
            np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()]),
        ],
        axis=1,
    )
    first, second = pairs[:, (pairs >= 0).all(axis=0)]
    total = np.count_nonzero(inside)
    both = np.concatenate([first, second]), np.concatenate([second, first])
    return coo_array((np.ones(len(both[0])), both), shape=(total, total)).tocsr()
