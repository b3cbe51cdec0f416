"""What an operator offers, and what a solver needs of it."""

from __future__ import annotations

from restore.inverse.catalogue import Capability
from restore.inverse.operators import Hole
from restore.inverse.problem import Problem
from restore.inverse.protocols import Degradation, Operator, Projecting, Spectral


def capabilities_of(operator: Degradation) -> set[Capability]:
    """Give what solvers can do with an operator.

    Examples
    --------
    >>> from restore.inverse.operators import Gray
    >>> sorted(capabilities_of(Gray((8, 8))))
    ['gradient', 'linear', 'spectrum']
    """
    found: set[Capability] = {"gradient"}
    if isinstance(operator, Projecting):
        found.add("projection")
    if isinstance(operator, Operator):
        found.add("linear")
    if isinstance(operator, Spectral):
        found.add("spectrum")
    if isinstance(operator, Hole):
        found.add("hole")
    return found


def linear_of(problem: Problem) -> Operator:
    """Give the operator; ValueError where it is not linear."""
    if isinstance(problem.operator, Operator):
        return problem.operator
    able = "splitting, ddnm or dps" if isinstance(problem.operator, Projecting) else "only dps"
    raise ValueError(f"{name_of(problem)} is not linear; {able} can serve it")


def projectable_of(problem: Problem) -> Operator | Projecting:
    """Give the operator; ValueError where it is neither linear nor can be projected onto."""
    return problem.operator if isinstance(problem.operator, Projecting) else linear_of(problem)


def spectral_of(problem: Problem) -> Spectral:
    """Give the operator; ValueError where its spectrum is not known."""
    operator = linear_of(problem)
    if not isinstance(operator, Spectral):
        raise ValueError(
            f"DDRM steps by singular values, and those of {name_of(problem)} are not known; use ddnm, "
            "ddnm-plus, diffpir, pigdm or dps"
        )
    return operator


def name_of(problem: Problem) -> str:
    """Give the operator's name, and those of its parts."""
    operator = problem.operator
    parts = getattr(operator, "parts", (operator,))
    return " after ".join(type(part).__name__ for part in reversed(parts))
