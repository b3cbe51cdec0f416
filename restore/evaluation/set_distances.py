"""How alike two sets of feature vectors are, and how diverse one is. Features are float64 ``(n, d)``.

Papers referred to below:

Heusel et al. (2017)
    "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", arXiv:1706.08500.
Kynkäänniemi et al. (2019)
    "Improved Precision and Recall Metric for Assessing Generative Models", arXiv:1904.06991.
Naeem et al. (2020)
    "Reliable Fidelity and Diversity Metrics for Generative Models", arXiv:2002.09797.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float64]

NEIGHBOURS = 5
"""k of the nearest neighbours; that of Naeem et al. (2020)."""


def frechet(a: Features, b: Features) -> float:
    """Give the squared Fréchet distance of the normal distributions that two sets are fitted with.

    ``|m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2))``, with covariances over n - 1. The last trace is the sum
    of the singular values of ``R1 R2^T``, where ``C = R^T R``, which needs no matrix root and holds for fewer
    vectors than dimensions, too.

    Parameters
    ----------
    a, b : ``(n, d)``, two vectors at least in each.

    References
    ----------
    Dowson and Landau (1982), "The Fréchet Distance between Multivariate Normal Distributions"; Heusel et al.
    (2017), eq. 6, where the features are those of an Inception network.

    Examples
    --------
    Two sets that are shifted by 3 and 4 are 25 apart.

    >>> a = np.random.default_rng(0).normal(size=(50, 2))
    >>> round(frechet(a, a + [3.0, 4.0]), 6)
    25.0
    """
    roots: list[Features] = []
    spread = 0.0
    for features in (a, b):
        centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
        spread += float(np.square(centred).sum())
        roots.append(np.asarray(np.linalg.qr(centred, mode="r")))
    common = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    shift = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return max(0.0, float(shift + spread - 2 * common))


def distances(a: Features, b: Features) -> Features:
    """Give the Euclidean distances ``(n, m)`` between two sets."""
    from scipy.spatial.distance import cdist

    found: Features = cdist(a, b)
    return found


def diversity(features: Features) -> float:
    """Give the mean distance between two vectors of a set, of all pairs.

    Examples
    --------
    >>> diversity(np.array([[0.0], [1.0], [2.0]])).__round__(3)
    1.333
    """
    n = len(features)
    return float(distances(features, features).sum() / (n * (n - 1)))


def nearest_others(features: Features) -> Features:
    """Give the distance of each vector ``(n,)`` to the nearest other one of its set."""
    return _radii(distances(features, features), 1)


@dataclass(frozen=True)
class Manifolds:
    """How far two sets cover each other, each a share but for the density, which can be above 1.

    Parameters
    ----------
    precision : of samples within the k-th neighbour's distance of some reference (Kynkäänniemi et al. 2019).
    recall : of references within that of some sample.
    density : in how many of the references' balls a sample lies, in the mean, over k (Naeem et al. 2020).
    coverage : of references that have a sample in their ball.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifolds(references: Features, samples: Features, k: int = NEIGHBOURS) -> Manifolds:
    """Compare the manifolds of two sets, each the balls around its vectors that reach the k-th neighbour.

    Parameters
    ----------
    references, samples : ``(n, d)`` and ``(m, d)``, more than k in each.
    k : how many neighbours.

    Raises
    ------
    ValueError
        For too few vectors.

    References
    ----------
    Kynkäänniemi et al. (2019), eq. 1 and 2; Naeem et al. (2020), eq. 4 and 5. A vector on the edge of a ball
    is in it, so that sets of equal pictures cover each other.

    Examples
    --------
    >>> line = np.arange(8.0)[:, None]
    >>> manifolds(line, line + 100)
    Manifolds(precision=0.0, recall=0.0, density=0.0, coverage=0.0)
    """
    if min(len(references), len(samples)) <= k:
        raise ValueError(
            f"{k} neighbours need more than {k} vectors; got {len(references)} and {len(samples)}"
        )
    across = distances(references, samples)
    balls = _radii(distances(references, references), k)
    inside = across <= balls[:, None]
    covered = across <= _radii(distances(samples, samples), k)
    return Manifolds(
        precision=float(inside.any(axis=0).mean()),
        recall=float(covered.any(axis=1).mean()),
        density=float(inside.sum(axis=0).mean() / k),
        coverage=float((across.min(axis=1) <= balls).mean()),
    )


def _radii(within: Features, k: int) -> Features:
    """The distance to the k-th neighbour; each vector's own, 0, is the first in its row."""
    found: Features = np.partition(within, k, axis=1)[:, k]
    return found
