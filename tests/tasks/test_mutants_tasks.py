"""Wrong versions of the tasks and of what steers them, each of which its check must find."""

from __future__ import annotations

import test_arrays
import test_guidance
import test_operators
import test_tasks
from mutants import Mutations, mutant_tests

from restore.images import canvas
from restore.inverse import guidance, operators
from restore.tasks import denoise, inpaint, sample, upscale

IGNORED_SEEDS = [
    ("samplers.seeded_rng(seed)", "samplers.seeded_rng(seed or 1)"),
    ("samplers.seeded_rng(seed)", "samplers.seeded_rng(7)"),
]
MUTATIONS: Mutations = {
    (operators, test_operators.check_contract): [
        ("return self._rows.T @ y @ self._columns", "return 2 * self._rows.T @ y @ self._columns"),
        # flipped holes
        ("return x * (1 - self.hole)", "return x * self.hole"),
        ("return y * (1 - self.hole)", "return y * self.hole"),
        ("spectrum / (values + damping)", "spectrum / (values + damping**2)"),
        ("row_values[:, None] * column_values", "row_values[:, None] + column_values"),
        (
            "        # A A^T is the identity on known pixels; what lies in the hole is never measured.\n"
            "        return r / (1 + damping)",
            "        return r",
        ),
        ("self._response.conj()", "self._response"),
        ("abs().square()", "abs()"),
        ("return y * self._weights", "return y"),
        ("self._weights.square().sum()", "self._weights.sum()"),
        ("self.adjoint(s)) + damping * s", "self.adjoint(s))"),
        ("preconditioned + energy / before", "preconditioned - energy / before"),
    ],
    (operators, test_operators.check_posterior_mean): [
        ("solve(y - operator.forward(x0), damping)", "solve(y - operator.forward(x0), 0.0)"),
        ("solve(y - operator.forward(x0), damping)", "solve(y, damping)"),
        ("x0 + operator.adjoint", "operator.adjoint"),
    ],
    (operators, test_operators.check_agreement): [
        ("spectrum / values, 0)", "spectrum, 0)"),
        ("operator.solve(y - operator.forward(x0), damping)", "y - operator.forward(x0)"),
    ],
    (operators, test_operators.check_resizing): [
        ("return resize(columns, (small, large))", "return 1.01 * resize(columns, (small, large))"),
    ],
    (guidance, test_guidance.check_injection): [
        ("level * noise(y)", "level * noise(y) / 2**0.5"),
        ("level * noise(y)", "noise(y)"),
        ("torch.where(hole > 0, x, y + level * noise(y))", "torch.where(hole > 0, y + level * noise(y), x)"),
        ("x = torch.where(hole > 0, x, y + level * noise(y))", "pass"),
    ],
    (guidance, test_guidance.check_damping): [
        ("(noise_std / sigma) ** 2 if", "noise_std / sigma**2 if"),
        ("(noise_std / sigma) ** 2 if", "(sigma / noise_std) ** 2 if"),
        ("(noise_std / sigma) ** 2 if noise_std else 0.0", "0.0"),
    ],
    (guidance, test_guidance.check_joining): [
        ("levels < sigma", "levels < 2 * sigma"),
        ("levels < sigma", "levels > sigma"),
        ("sigma, start, denoise(x, sigma))", "sigma, x, denoise(x, sigma))"),
    ],
    (guidance, test_guidance.check_splitting_converges): [
        ("        x = found if share == 1 else", "        _ = found if share == 1 else"),
        ("consistent(denoise(x, sigma)", "(lambda x, *_: x)(denoise(x, sigma)"),
    ],
    (guidance, test_guidance.check_repaint): [
        ("return torch.where(hole > 0, denoise(x, sigma), y)", "return denoise(x, sigma)"),
    ],
    (canvas, test_arrays.check_depth): [
        ("values /= np.iinfo(image.dtype).max", "values /= np.iinfo(image.dtype).max + 1"),
        ("values /= np.iinfo(image.dtype).max", "values /= 65535"),
        ("np.rint(values.clip(0, 1)", "np.floor(values.clip(0, 1)"),
    ],
    (canvas, test_arrays.check_rounding): [
        ("np.rint(values.clip(0, 1)", "np.floor(values.clip(0, 1)"),
        ("values.clip(0, 1)", "values"),
    ],
    (canvas, test_arrays.check_mask): [
        ('white if mask_means == "fill" else ~white', '~white if mask_means == "fill" else white'),
        ("return np.iinfo(mask.dtype).max / 2", "return 0.5"),
    ],
    (denoise, test_tasks.check_denoise_mean): [
        ("else sigma / 255", "else sigma / 510"),
        ("else sigma / 255", "else 2 * sigma / 255"),
        ('("auto", "mean"): 1,', '("auto", "mean"): 2,'),
        ('("gaussian", "mean"): 1,', '("gaussian", "mean"): 2,'),
    ],
    (denoise, test_tasks.check_denoise_sample): [
        ("schedule.karras(sigma, lowest, steps)", "schedule.karras(2 * sigma, lowest, steps)"),
        ("schedule.karras(sigma, lowest, steps)", "schedule.karras(sigma, lowest, steps + 1)"),
    ],
    (denoise, test_tasks.check_denoise_blind_sample): [
        ("hint + top * noise(hint)", "hint + top * noise(hint) / 2**0.5"),
        ("hint + top * noise(hint)", "hint + top * samplers.seeded_rng(seed)(hint)"),
    ],
    (denoise, test_tasks.check_denoise_gray): [
        ("noise_std * 3**0.5 if gray", "noise_std if gray"),
        ("noise_std * 3**0.5 if gray", "noise_std * 3 if gray"),
    ],
    (denoise, test_tasks.check_denoise_makes_up_for_noise_cut_off): [
        ("white_noise(noise_std)", "white_noise(noise_std / 2)"),
        ("answer(noisy[[*models]]).clamp(0, 1)", "answer(noisy[[*models]]).clamp(0.2, 0.8)"),
        (
            "return torch.stack(_replaced(list(noisy), [*models], torch.cat(whole))), part_of",
            "return noisy, part_of",
        ),
        ("part_of(progress, 1, 0)", "progress"),
    ],
    (denoise, test_tasks.check_denoise_seeds): IGNORED_SEEDS,
    (upscale, test_tasks.check_upscale_conditional): [
        ('bicubic + top * walk.keywords["noise"]', 'bicubic + top / 2**0.5 * walk.keywords["noise"]'),
        ("guided(backbone, Condition(bicubic), guidance)", "backbone.denoiser()"),
    ],
    (upscale, test_tasks.check_upscale_projection): [
        ('start + highest * walk.keywords["noise"]', 'start + highest / 2**0.5 * walk.keywords["noise"]'),
        ("noise_std=ROUNDING_STD", "noise_std=0.5"),
        ("part_of(progress, ORIENTATIONS, 0)", "progress"),
        ("bicubic, ORIENTATIONS)", "bicubic, 1)"),
    ],
    (upscale, test_tasks.check_upscale_seeds): IGNORED_SEEDS,
    (inpaint, test_tasks.check_inpaint_keeps_the_rest): [
        ("return picture.paste(result, hole)", "return picture.like_original(result)"),
        ("mask_means).to(batch.device)", '"fill").to(batch.device)'),
        ("hole = hole.expand(", "hole = (1 - hole).expand("),
    ],
    (inpaint, test_tasks.check_inpaint_conditional): [
        ("Condition(fill, known=1 - hole), plan", "Condition(fill, known=hole), plan"),
        ("Condition(fill, known=1 - hole), plan", "Condition(image, known=1 - hole), plan"),
        ("fill + top * noise(fill)", "fill + top * noise(fill) / 2**0.5"),
    ],
    (inpaint, test_tasks.check_inpaint_starts_from_the_fill): [
        ("mean + sigma * noise(mean)", "mean + sigma * noise(mean) / 2**0.5"),
        ("walk(prior, start, ladder", "walk(prior, fill, ladder"),
        ("fill = push_pull(*levels[-1])", "fill = image"),
    ],
    (inpaint, test_tasks.check_inpaint_alternates): [
        ("Condition(fill, known=1 - hole)), fill", "Condition(0 * fill, known=1 - hole)), fill"),
        ("Condition(fill, known=1 - hole)), fill", "Condition(fill, known=hole)), fill"),
        ("_split(prior, x, AFTER_BRANCH", "_split(prior, fill, AFTER_BRANCH"),
        ('walk.keywords["noise"](fill)', 'walk.keywords["noise"](fill) / 2**0.5'),
        ("fill + top * walk", "0 * fill + top * walk"),
        ("per_pixel_start(_branch(fill, missing, backbone), fill, own)", "_branch(fill, missing, backbone)"),
    ],
    (inpaint, test_tasks.check_texture_levels): [
        ("smoothed(fine, NEAR, 1 - hole)", "smoothed(fine, NEAR)"),
        ("around - smoothed(fine, NEAR, hole)", "around"),
        ("missing * depth**2", "missing * depth"),
        ("missing * depth**2", "depth**2"),
        ("smoothed(_depth(hole).to(mean), NEAR, hole)", "smoothed(_depth(hole).to(mean), NEAR)"),
        (".clamp(LOWEST, HIGHEST) * hole", ".clamp(LOWEST, HIGHEST)"),
        (".clamp(LOWEST, HIGHEST) * hole", " * hole"),
    ],
    (inpaint, test_tasks.check_repaint_starts_from_noise): [
        ("ladder[0] * noise(image)", "ladder[0] * noise(image) / 2**0.5"),
    ],
    (inpaint, test_tasks.check_inpaint_computes_only_the_surroundings): [
        ("boxes = surroundings(hole, CONTEXT)", "boxes = [(0, batch.shape[-2], 0, batch.shape[-1])]"),
        ("boxes = surroundings(hole, CONTEXT)", "boxes = surroundings(hole, CONTEXT)[:1]"),
        ("number * total + done", "done"),
    ],
    (inpaint, test_tasks.check_inpaint_seeds): IGNORED_SEEDS,
    (sample, test_tasks.check_sample): [
        ("grey + top * noise(grey)", "grey + top * noise(grey) / 2**0.5"),
        ("stream(like[:1]) for stream in streams", "streams[0](like[:1]) for stream in streams"),
        ("SeedSequence((seed, picture))", "SeedSequence(seed)"),
        (".clamp(0, 1)", ""),
    ],
    (sample, test_tasks.check_sample_seeds): [
        ("SeedSequence((seed, picture))", "SeedSequence((seed or 1, picture))"),
        ("SeedSequence((seed, picture))", "SeedSequence(picture)"),
    ],
}

test_the_check_finds_the_mutant, test_an_exact_copy_passes = mutant_tests(MUTATIONS)
