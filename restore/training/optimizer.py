"""The optimisers of a training run: AdamW, or Muon for the convolutions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn, optim

from restore.priors.unet import UNet
from restore.training.config import OptimConfig
from restore.training.state import load_optimizer, optimizer_tensors


class WeightUpdater:
    """Change a network's weights along their gradients.

    Parameters
    ----------
    network : whose weights are trained.
    config : ``adamw`` for all weights by AdamW, ``muon`` for the convolutions between stem and head by `Muon`
        and all else by AdamW.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", 2019, arXiv:1711.05101.
    """

    def __init__(self, network: UNet, config: OptimConfig):
        self.network = network
        numbered = list(enumerate(network.parameters()))
        inner = _inner_convolutions(network) if config.kind == "muon" else set()
        rest = [(number, p) for number, p in numbered if p not in inner]
        adamw = optim.AdamW(
            [p for _, p in rest],
            lr=config.lr,
            betas=(config.betas[0], config.betas[1]),
            weight_decay=config.weight_decay,
            fused=network.stem.weight.device.type in ("cpu", "cuda"),
        )
        # Each with the numbers of its weights among all, and the moments that it has of every weight.
        self.optimizers: list[tuple[optim.Optimizer, list[int], tuple[str, ...]]] = [
            (adamw, [number for number, _ in rest], ("step", "exp_avg", "exp_avg_sq"))
        ]
        if inner:
            chosen = [(number, p) for number, p in numbered if p in inner]
            muon = Muon([p for _, p in chosen], lr=config.lr, weight_decay=config.weight_decay)
            self.optimizers.append((muon, [number for number, _ in chosen], ("exp_avg",)))

    def step(self, rate: float) -> None:
        """One step along the gradients that the network's weights have now; then these are forgotten."""
        for optimizer, _, _ in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.network.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """The moments as ``optimizer.NUMBER.NAME``, NUMBER that of the weight in ``network.parameters()``."""
        return {
            name: moment
            for optimizer, numbers, _ in self.optimizers
            for name, moment in optimizer_tensors(optimizer, numbers).items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take moments from a saved state, also from one of the other kind.

        The first moment is the same to both. AdamW cannot continue without a second, and starts anew.
        """
        for optimizer, numbers, moments in self.optimizers:
            load_optimizer(optimizer, tensors, numbers, moments)


def learning_rate(config: OptimConfig, step: int, done: float) -> float:
    """The learning rate of a step.

    Parameters
    ----------
    config : the highest rate, warm-up and schedule.
    step : number of the step, from 0.
    done : how much of the run is over, 0 to 1.

    Examples
    --------
    >>> learning_rate(OptimConfig(lr=1.0, warmup_steps=4, decay=0.5), 1, 0.25)
    0.5
    >>> learning_rate(OptimConfig(lr=1.0, warmup_steps=4, decay=0.5), 9, 0.75)
    0.5
    """
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    if config.schedule == "cosine":
        return config.lr * warmup * 0.5 * (1 + math.cos(math.pi * done))
    return config.lr * warmup * (min(1.0, (1 - done) / config.decay) if config.decay else 1.0)


class Muon(optim.Optimizer):
    """Step along the nearest orthogonal matrix to the momentum.

    A convolution ``(out, in, k, k)`` counts as the matrix ``(out, k k in)``. Steps are as large as AdamW's,
    ``0.2 sqrt(max(rows, columns))`` times the rate, so that one rate serves both. `torch.optim.Muon` takes
    matrices only, one after the other, which made a step on a CPU a quarter longer; here all of one shape go
    through the iteration together.

    Parameters
    ----------
    weights : of convolutions ``(out, in, k, k)``.
    lr : learning rate.
    momentum : of the mean of the gradients, with Nesterov's look ahead.
    weight_decay : decoupled weight decay.

    References
    ----------
    K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
    https://kellerjordan.github.io/posts/muon/.
    J. Liu et al., "Muon is Scalable for LLM Training", 2025, arXiv:2502.16982.
    """

    def __init__(
        self, weights: Iterable[nn.Parameter], *, lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ):
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # torch's stubs want a loss
        """One step of all weights that have a gradient."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    shapes[weight.shape].append(weight)
            for weights in shapes.values():
                self._step_together(weights, group["lr"], group["momentum"], group["weight_decay"])

    def _step_together(
        self, weights: list[nn.Parameter], lr: float, momentum: float, weight_decay: float
    ) -> None:
        ahead = []
        for weight in weights:
            assert weight.grad is not None
            state = self.state[weight]
            if "exp_avg" not in state:
                state["exp_avg"] = torch.zeros_like(weight)
            mean = state["exp_avg"].lerp_(weight.grad, 1 - momentum)
            ahead.append(weight.grad.lerp(mean, momentum).movedim(1, -1))  # Nesterov's
        cells = ahead[0].shape[1:]
        directions = orthogonal(torch.stack(ahead).flatten(2))
        size = 0.2 * math.sqrt(max(directions.shape[1:]))
        for weight, direction in zip(weights, directions, strict=True):
            weight.mul_(1 - lr * weight_decay)
            weight.add_(direction.unflatten(1, cells).movedim(-1, 1), alpha=-lr * size)


def orthogonal(matrices: Tensor) -> Tensor:
    """About ``U V^T`` of each matrix ``U S V^T``, ``(n, rows, columns)``.

    Singular values come out in 0.65 to 1.2; those below a thousandth of the root of the sum of their squares
    stay smaller.

    Five steps of Jordan's quintic of Newton and Schulz, ``X <- p(X X^T) X`` with ``p(g) = a + b g + c g^2``.
    All that the steps multiply X with are polynomials of its first ``X X^T``: they are worked out on that
    small matrix, and X itself is multiplied once, at the end. Unlike the iteration on X, that needs all
    digits of float32: an eigenvalue that rounding makes negative grows without bound.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.mT).mT
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices / matrices.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None]
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        return _polar(x, a, b, c)
    finally:
        torch.set_float32_matmul_precision(precision)


def _polar(x: Tensor, a: float, b: float, c: float) -> Tensor:
    gram = x @ x.mT
    product = None
    for _ in range(5):
        p = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        p.diagonal(dim1=1, dim2=2).add_(a)
        product = p if product is None else p @ product
        gram = p @ (gram @ p)
    assert product is not None
    return product @ x


def _inner_convolutions(network: UNet) -> set[Tensor]:
    """The weights of all convolutions but the first and the last."""
    ends = (network.stem, network.head)
    return {m.weight for m in network.modules() if isinstance(m, nn.Conv2d) and m not in ends}
