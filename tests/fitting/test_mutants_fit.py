"""Wrong versions of what learns from noise alone, each of which its check must find."""

from __future__ import annotations

import pytest
import test_adapters
import test_noise_model
from mutants import Mutations, mutant_tests

from restore.noise import model
from restore.priors import adapters

pytestmark = pytest.mark.usefixtures("one_thread")

MUTATIONS: Mutations = {
    (model, test_noise_model.check_uncut): [
        ("beyond((1 - signal) / std)", "beyond(signal / std)"),
        ("below = signal - std", "below = signal + std"),
        ("(share * tail)", "(0 * share + tail)"),
        ("special.ndtr(-distance)", "special.ndtr(distance)"),
        ("signal + std * beyond", "1 + 0 * std * beyond"),
    ],
    (model, test_noise_model.check_expected): [
        ("math.sqrt(2 / math.pi) /", "math.sqrt(1 / math.pi) /"),
        ("erfcx(distance /", "erfcx(-distance /"),
        ("(distance / math.sqrt(2))", "(distance)"),
    ],
    (model, test_noise_model.check_drawing): [
        ("self.variance(signal).sqrt() * self._standard", "self.variance(signal) * self._standard"),
        ("signal.clamp(min=0) + plane(self.read_std) ** 2", "signal.clamp(min=0) + plane(self.read_std)"),
        ('"ij,bjhw->bihw", mixing', '"ij,bjhw->bihw", mixing @ mixing.T'),
        ("if c > 1:", "if c > 3:"),
        ("torch.as_tensor(self.kernel,", "torch.as_tensor(np.eye(15) / 15**0.5,"),
    ],
    (adapters, test_adapters.check_adapters): [
        ("torch.zeros(outputs, rank", "torch.ones(outputs, rank"),
        ("(self.B @ self.A).view_as(weight)", "2 * (self.B @ self.A).view_as(weight)"),
        ("(weight.float() + change)", "(weight.float() - change)"),
    ],
}

test_the_check_finds_the_mutant, test_an_exact_copy_passes = mutant_tests(MUTATIONS)
