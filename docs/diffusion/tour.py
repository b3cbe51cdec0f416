# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A tour of diffusion, with the network in the package
#
# `jupytext --to ipynb tour.py` makes a notebook of this file, and Jupyter with the jupytext extension opens
# it as one. It needs `pip install 'restore-diffusion[plot]'` and about a minute on two CPU cores.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import restore
from restore.diffusion import schedule as schedules
from restore.diffusion.coordinates import to_network
from restore.diffusion.samplers import SAMPLERS
from restore.diffusion.score import score
from restore.diffusion.seeds import seeded_rng
from restore.diffusion.sigmas import ladder

prior = restore.load()
denoise = prior.denoiser()


def show(pictures: list[torch.Tensor], titles: list[str]) -> None:
    _, axes = plt.subplots(1, len(pictures), figsize=(2 * len(pictures), 2.2), layout="constrained")
    for place, picture, title in zip(axes, pictures, titles, strict=True):
        place.imshow(picture[0].clamp(0, 1).permute(1, 2, 0).numpy())
        place.set_title(title, fontsize=8)
        place.axis("off")


# %% [markdown]
# ## Schedules
#
# A schedule is a list of betas. All else follows: the share of signal `abar`, and the noise level `sigma`
# of a picture in [0, 1] that is as noisy.

# %%
_, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for name in ("linear", "cosine", "sigmoid", "exponential"):
    each = schedules.named(name)
    axes[0].plot(each.alphas_cumprod.numpy(), label=name)
    axes[1].semilogy(each.sigmas.numpy())
axes[0].set(title="share of signal", xlabel="t")
axes[1].set(title="noise level", xlabel="t", ylim=(1e-3, 1e3))
axes[0].legend()

# %% [markdown]
# ## To noise
#
# A picture made of simple shapes, and its states at timesteps of the linear schedule.

# %%
rows, columns = np.mgrid[0:64, 0:64]
disc = (rows - 34) ** 2 + (columns - 30) ** 2 < 18**2
pixels = np.stack([0.35 + 0.004 * rows, 0.55 + 0 * rows, 0.8 - 0.005 * rows], 2)
pixels[disc] = (0.85, 0.45, 0.2)
clean = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
linear = schedules.linear()
noise = seeded_rng(0)(clean)
timesteps = [0, 100, 200, 300, 500, 999]
states = [clean + float(linear.sigmas[t]) * noise for t in timesteps]
as_seen = [(to_network(x, float(linear.sigmas[t])) + 1) / 2 for x, t in zip(states, timesteps, strict=True)]
show(as_seen, [f"t = {t}" for t in timesteps])

# %% [markdown]
# ## What the network knows
#
# One call gives the mean of all pictures that the state could have come from. At little noise it is the
# picture, at much noise it is blurred, and in the end it is the mean of all photographs.

# %%
known = [denoise(x, float(linear.sigmas[t])) for x, t in zip(states, timesteps, strict=True)]
show(known, [f"E[x0 | x], t = {t}" for t in timesteps])
errors = [float((x0 - clean).square().mean().sqrt()) for x0 in known]
assert errors == sorted(errors), "the more noise, the less is known"

# %% [markdown]
# ## The score
#
# `(E[x0 | x] - x) / sigma^2` is the gradient of the logarithm of the density: it points from the noise to
# the picture. Along it the state becomes more likely.

# %%
sigma = float(linear.sigmas[200])
x = clean + sigma * noise
gradient = score(denoise, x, sigma)
cosine = torch.nn.functional.cosine_similarity(gradient.flatten(), (clean - x).flatten(), dim=0)
print(f"the angle between the score and the way to the clean picture has a cosine of {cosine:.3f}")
show([x, 0.5 + 0.3 * sigma * gradient, x + sigma**2 * gradient], ["state", "score", "one step along it"])
assert cosine > 0.95

# %% [markdown]
# ## Back
#
# Samplers step through falling noise levels. From the same noise, deterministic ones come to the same
# picture, the sooner the higher their order; random ones draw another one.

# %%
levels = ladder("log-snr", 16, linear, lowest=prior.sigma_min, highest=prior.sigma_max)
start = 0.5 + levels[0] * seeded_rng(4)(torch.empty(1, 3, 48, 48))
drawn = {
    name: SAMPLERS[name](denoise, start, levels, rng=seeded_rng(5)) for name in ("ddim", "dpmpp-2m", "ddpm")
}
show(list(drawn.values()), list(drawn))

# %% [markdown]
# Not all the way: from half of the noise, the picture is another one that looks like it (SDEdit).

# %%
levels = ladder("log-snr", 10, linear, lowest=prior.sigma_min, highest=0.4)
varied = [
    SAMPLERS["dpmpp-2m-sde"](
        denoise, clean + levels[0] * seeded_rng(seed)(clean), levels, rng=seeded_rng(seed)
    )
    for seed in range(3)
]
show([clean, *varied], ["picture", "variation", "another", "another"])

# %% [markdown]
# ## How exact is it?
#
# For pictures whose pixels are drawn from a Gaussian, the denoiser is known, and so is what a sampler
# should give.

# %%
mean, std = 0.4, 0.2


def exact(x: torch.Tensor, sigma: float) -> torch.Tensor:
    return (std**2 * x + sigma**2 * mean) / (std**2 + sigma**2)


wide = torch.empty(4, 3, 64, 64)
for name, sampler in SAMPLERS.items():
    found = []
    for n in (10, 30, 100):
        levels = ladder("karras", n, linear, lowest=0.002, highest=80.0)
        top = 0.5 + levels[0] * seeded_rng(1)(wide)
        found.append(float(sampler(exact, top, levels, rng=seeded_rng(2)).std()))
    listed = ", ".join(f"{deviation:.3f}" for deviation in found)
    print(f"{name:>13}: deviation {listed} in 10, 30, 100 steps; exact {std}")
    assert abs(found[2] / std - 1) < 0.1
