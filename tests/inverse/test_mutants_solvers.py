"""Wrong versions of the solvers, each of which the comparison with its paper must find."""

from __future__ import annotations

import test_methods
from mutants import Mutations, mutant_tests

from restore.inverse import solvers as methods

MUTATIONS: Mutations = {
    (methods, test_methods.check_ddrm): [
        ("kept, drawn = below * math.sqrt(1 - eta**2), below * eta", "kept, drawn = below, below * eta"),
        ("noisier = level > below", "noisier = level > sigma"),
        ("kept / level.clamp_min(1e-12), eta_b", "kept / level.clamp_min(1e-12), 1"),
        ("(eta_b * level) ** 2", "level**2"),
        ("operator.to_spectrum(operator.forward(x)) / s", "operator.to_spectrum(operator.forward(x))"),
    ],
    (methods, test_methods.check_ddnm_plus): [
        ("missing, c * noise_std, fresh, u", "missing, noise_std, fresh, u"),
        ("share = torch.where(carried > u, u / carried.clamp_min(1e-12), 1)", "share = torch.ones_like(s)"),
        ("(u**2 - carried**2).clamp_min(0).sqrt()", "u"),
        ("carried = noise_std / s", "carried = noise_std * s"),
        ("TRUST * (noise_std / below) ** 2", "(noise_std / below) ** 2"),
    ],
    (methods, test_methods.check_diffpir): [
        ("weight * (problem.noise_std / sigma) ** 2", "weight * (2 * problem.noise_std / sigma) ** 2"),
        ("math.sqrt(1 - zeta) * direction", "(1 - zeta) * direction"),
    ],
    (methods, test_methods.check_pigdm): [
        ("UNIT_STD = 0.5", "UNIT_STD = 1.0"),
        ("eta, noise) + pulled", "eta, noise) + pulled / 2"),
        ("problem.noise_std**2 / r2", "problem.noise_std / r2"),
    ],
    (methods, test_methods.check_dps): [
        ("strength * scales / 2 * gradient", "strength * scales * gradient"),
        ("(1 + 4 * sigma**2) * (1 + 4 * below**2)", "(1 + 4 * sigma**2) ** 2"),
        (".norm(dim=1).sum()", ".square().sum()"),
    ],
}

test_the_check_finds_the_mutant, test_an_exact_copy_passes = mutant_tests(MUTATIONS)
