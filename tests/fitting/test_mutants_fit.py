"""Wrong versions of what learns from noise alone, each of which its check must find."""

from __future__ import annotations

import pytest
import test_adapters
import test_noise_model
import test_objectives
from mutants import Mutations, mutant_tests

from restore.fitting import objectives
from restore.noise import model
from restore.priors import adapters

pytestmark = pytest.mark.usefixtures("one_thread")

MUTATIONS: Mutations = {
    (objectives, test_objectives.check_recorrupted): [
        # alpha the wrong way round, in one place or the other
        ("noisy + alpha * fresh,", "noisy + fresh / alpha,"),
        ("(noisy - fresh / alpha)", "(noisy - alpha * fresh)"),
        ("(noisy - fresh / alpha)", "(noisy + fresh / alpha)"),
        ("(1 + alpha**-2) * variance", "(1 + alpha**2) * variance"),
        ("(1 + alpha**-2) * variance", "alpha**-2 * variance"),
    ],
    (objectives, test_objectives.check_floor): [
        ("variance + floor**2", "variance"),
        ("fresh + white[1]", "fresh + white[0]"),
        ("fresh + white[1]", "fresh"),
        ("noisy + white[0]", "noisy"),
    ],
    (objectives, test_objectives.check_recorrupted_spectrum): [
        ("noise.draw(signal, generator)", "torch.randn(signal.shape, generator=generator) * 0.1"),
    ],
    (objectives, test_objectives.check_noise2noise): [
        ("return error.abs().mean()", "return error.square().mean()"),
        ("pow(2 * (1 - done))", "pow(2 * done)"),
        ("pow(2 * (1 - done))", "pow(1 - done)"),
        ("f(noisy, 1.0) - other", "f(noisy, 1.0) - noisy"),
    ],
    (objectives, test_objectives.check_sub_images): [
        ("(1, 3), (2, 3), (1, 0)", "(1, 2), (0, 3), (1, 0)"),
        ("(1, 0), (2, 0), (3, 1), (3, 2))", "(0, 1), (0, 2), (1, 3), (2, 3))"),
        (".view(b, c, 4, h // 2, w // 2)", ".view(b, 4, c, h // 2, w // 2).transpose(1, 2)"),
    ],
    (objectives, test_objectives.check_regulariser): [
        ("- (expected_1 - expected_2)", "+ (expected_1 - expected_2)"),
        ("- (expected_1 - expected_2)", ""),
        ("with torch.no_grad():\n        whole", "with torch.enable_grad():\n        whole"),
    ],
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
