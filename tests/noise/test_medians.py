"""Medians and quantiles equal those of NumPy, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from restore.noise.medians import known_medians, lower_median, median, medians, quantile

COUNTS = pytest.mark.parametrize("count", [1, 2, 3, 8, 231, 1024])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def drawn(*shape: int, dtype: type = np.float64, levels: int = 0) -> np.ndarray:
    """Random numbers, of so many different ones."""
    values = np.random.default_rng(0).standard_normal(shape)
    return (np.round(values * levels) / levels if levels else values).astype(dtype)


@COUNTS
@DTYPES
@pytest.mark.parametrize("levels", [0, 3])
def test_medians(count: int, dtype: type, levels: int) -> None:
    values = drawn(5, count, dtype=dtype, levels=levels)
    found = medians(values)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.median(values, axis=-1))
    np.testing.assert_array_equal(medians(values, axis=0), np.median(values, axis=0))
    whole = median(values)
    assert whole == np.median(values) and whole.dtype == dtype


@COUNTS
def test_lower_median(count: int) -> None:
    values = drawn(count)
    assert lower_median(values) == np.sort(values)[(count - 1) // 2]


@COUNTS
def test_medians_of_what_is_known(count: int) -> None:
    values = drawn(7, count)
    values[np.random.default_rng(1).random(values.shape) < 0.3] = np.nan
    values[0] = np.nan
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="All-NaN"):
        expected = np.nanmedian(values, axis=-1)
    np.testing.assert_array_equal(known_medians(values), expected)


@COUNTS
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.77, 1.0])
def test_quantiles(count: int, share: float) -> None:
    values = drawn(count)
    assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-15)
