"""How far values of a certified state can be from the values of the state that it stands for."""

from __future__ import annotations

import math


def error_of_expectation(infidelity: float, operator_norm: float) -> float:
    """Returns the largest possible error of an expectation value, ``2 ||O|| sqrt(1 - F)``.

    Proof: let ``ρ`` and ``σ`` be the projectors of two normalised pure states with fidelity ``F``. Then ``ρ - σ`` has
    trace zero and rank two, so its eigenvalues are ``±λ``, and ``2 λ² = Tr (ρ - σ)² = 2 - 2 Tr ρσ = 2 (1 - F)``. So the
    trace norm of ``ρ - σ`` is ``2 sqrt(1 - F)``, and with the inequality of Hölder
    ``|Tr O(ρ - σ)| ≤ ||O|| ||ρ - σ||₁ = 2 ||O|| sqrt(1 - F)``. (M. Nielsen and I. Chuang, *Quantum Computation and
    Quantum Information*, section 9.2, have the relation of trace distance and fidelity.)

    Args:
        infidelity: ``1 - F``, or an upper bound of it.
        operator_norm: The spectral norm ``||O||`` of the operator, or an upper bound of it: 1 for a Pauli operator, and
            the sum of the absolute values of the coefficients for a sum of Pauli operators.
    """
    return 2 * operator_norm * math.sqrt(infidelity)


def error_of_probability(infidelity: float) -> float:
    """Returns the largest possible error of the probability of any event, ``sqrt(1 - F)``.

    Proof: the event has an operator ``O`` with eigenvalues between 0 and 1. As ``ρ - σ`` has the eigenvalues ``±λ``,
    ``λ = sqrt(1 - F)``, the value of ``Tr O(ρ - σ)`` is between ``-λ`` and ``λ``. This holds for the probability of an
    outcome, for that of a set of outcomes, and so for the total variation distance of the two distributions.
    """
    return math.sqrt(infidelity)


def error_of_distance(square: float, operator_norm: float = 1.0) -> float:
    """Returns the largest possible error of an expectation value for a state of another norm, ``||O|| (2 s + s²)``.

    A rounded state has not quite the norm of the state that it stands for, and ``1 - F`` says nothing about norms.

    Proof: let ``φ = ψ + d`` with ``|ψ| = 1`` and ``|d| ≤ s``. Then ``|φ><φ| - |ψ><ψ| = |d><ψ| + |ψ><d| + |d><d|``,
    whose trace norm is at most ``2 s + s²``. The probability of an event is the expectation value of an operator of
    norm 1. The bound is reached where ``d`` is a multiple of ``ψ``.

    Args:
        square: ``s²``, an upper bound of the squared distance of the states.
        operator_norm: As for `error_of_expectation`.
    """
    return operator_norm * (2 * math.sqrt(square) + square)
