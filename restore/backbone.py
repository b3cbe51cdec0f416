"""The backbone: one network with its schedule and its checkpoint, and the denoisers it gives."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from restore import adapters
from restore import schedule as schedules
from restore.errors import OutputError, WeightsError
from restore.schedule import Prediction
from restore.tiling import computed_pixels, over_orientations, tiled
from restore.types import Denoiser
from restore.unet import UNet, UNetConfig

FORMAT = "restore-backbone-1"

Precision = Literal["auto", "bf16", "fp32"]

Network = Callable[[Tensor, Tensor], Tensor]
"""``network(planes, log_snr) -> raw output``, a module or a function around one."""

# Planes beside the noisy picture: the hint (3), known (1), hint present (1), claimed noise of the hint (1).
CONDITION_PLANES = 6
UNKNOWN_NOISE = -1.0
GRADIENT_TILE = 512  # pixels; everything that the network computes for a piece is kept for its gradient


@dataclass(frozen=True)
class BackboneConfig:
    """What a checkpoint needs to be rebuilt.

    prediction: what the network's output means. ``v`` with the hint as preconditioning is the default.
    learned_variance: three more output planes, the interpolation of Nichol and Dhariwal (2021), eq. 15.
    schedule, steps: the DDPM schedule that ladders in t are taken from; training is continuous in sigma.
    sigma_min, sigma_max: the noise levels the network was trained on, [0, 1] units.

    Raises ValueError for values out of range.
    """

    network: UNetConfig = field(default_factory=UNetConfig)
    prediction: Prediction = "v"
    learned_variance: bool = False
    schedule: str = "linear"
    steps: int = 1000
    sigma_min: float = 0.5 / 255
    sigma_max: float = 80.0

    def __post_init__(self) -> None:
        if self.prediction not in get_args(Prediction):
            raise ValueError(f"prediction is one of v, eps, x0; got {self.prediction!r}")
        if self.schedule not in schedules.SCHEDULES:
            raise ValueError(f"schedule is one of {', '.join(schedules.SCHEDULES)}; got {self.schedule!r}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1; got {self.steps}")
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(
                f"sigma_min and sigma_max must rise from above 0; got {self.sigma_min} and {self.sigma_max}"
            )
        planes = (3 + CONDITION_PLANES, 6 if self.learned_variance else 3)
        given = (self.network.inputs, self.network.outputs)
        if given not in (planes, (UNetConfig.inputs, UNetConfig.outputs)):
            raise ValueError(f"the network needs {planes[0]} inputs and {planes[1]} outputs; got {given}")
        # The planes follow from the rest, so nobody has to count them.
        object.__setattr__(self, "network", replace(self.network, inputs=planes[0], outputs=planes[1]))


@dataclass(frozen=True)
class Condition:
    """What a conditional backbone sees beside x.

    hint: guidance image ``(b, 3, h, w)`` in [0, 1]: an enlarged, a noisy or a pre-filled picture.
    known: ``(b, 1, h, w)``, 1 where the hint is exact; absent means nowhere.
    noise_std: the noise claimed to be in the hint, [0, 1] units; None means unknown (blind).
    """

    hint: Tensor
    known: Tensor | None = None
    noise_std: float | Tensor | None = 0.0

    def planes(self) -> Tensor:
        """The six planes ``(b, 6, h, w)`` the network sees: hint in [-1, 1], known, present, noise."""
        one = torch.ones_like(self.hint[:, :1])
        known = one * 0 if self.known is None else self.known
        level = UNKNOWN_NOISE if self.noise_std is None else 2 * self.noise_std
        if isinstance(level, Tensor):
            level = level.to(one).view(-1, 1, 1, 1) if level.ndim == 1 else level.to(one)
        return torch.cat([2 * self.hint - 1, known, one, one * level], dim=1)


def no_condition(like: Tensor) -> Tensor:
    """All-zero planes: the same weights are then the unconditional prior."""
    return like.new_zeros(like.shape[0], CONDITION_PLANES, *like.shape[-2:])


def predict(
    network: Network, config: BackboneConfig, x_t: Tensor, planes: Tensor, sigma: Tensor
) -> tuple[Tensor, Tensor]:
    """One network call: the clean picture X0 in [-1, 1] and the raw output, both ``(b, c, h, w)``.

    The network sees a first guess and answers, with v prediction (Salimans and Ho 2022), what is wrong with
    it; a, s are the signal and noise scales of the level::

        guess = a x_t + s^2 hint            X0 = guess - s F            that is, v = F - s hint

    The state is scaled by its Wiener factor a, so that pure noise does not swamp the hint; at high noise F
    is the residual to the hint, and the filters that clean a noisy picture also sharpen a hint. Without a
    hint that is plain v prediction. x_t ``(b, 3, h, w)`` in DDPM coordinates; planes ``(b, 6, h, w)``;
    sigma ``(b,)`` or ``(1,)`` in [0, 1] units.
    """
    a, s = (schedules.per_picture(scale, x_t) for scale in schedules.signal_and_noise_of(sigma))
    # What is known of X0 before the call: all of the hint at the top, all of the state at the bottom.
    guess = a * x_t + s * s * planes[:, :3]
    raw = network(torch.cat([guess, planes], dim=1), schedules.log_snr_of(sigma).to(x_t)).float()
    output = raw[:, :3]
    if config.prediction == "v":
        output = output - s * planes[:, :3]
    return schedules.x0_from(config.prediction, x_t, output, a, s), raw


def interpolation(raw: Tensor) -> Tensor:
    """Where the learned log variance lies between the small, 0, and the large one, 1; ``(b, 3, h, w)``.

    ``(v + 1) / 2`` of the last three planes of a raw output (Nichol and Dhariwal 2021, eq. 15).
    """
    return (raw[:, 3:] + 1) / 2


class Backbone:
    """A network with the configuration it was trained under; gives denoisers.

    facts: what the checkpoint says of its training, free form.
    tile: side in pixels of the pieces that large pictures are computed in, which bounds the memory. The
        result is that of the whole picture, whatever the side.
    ensemble: how many orientations, 1 to 8, every call is the mean of (Timofte, Rothe and Van Gool 2016):
        so many times slower, and a little nearer to the truth, since photographs turned and mirrored are
        photographs too and the error of the mean is never above the mean of the errors.
    """

    tile: int = 2048
    ensemble: int = 1

    def __init__(self, network: UNet, config: BackboneConfig, facts: Mapping[str, Any] | None = None):
        self.network = network.eval().requires_grad_(False)
        self.config = config
        self.facts = dict(facts or {})
        self.calls = 0  # of the network since it was loaded; a picture in tiles takes one for each

    @property
    def device(self) -> torch.device:
        return self.network.stem.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.network.stem.weight.dtype

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> Backbone:
        """Move the weights; channels_last is the fast layout on every machine measured."""
        self.network.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
        return self

    def copy(self, dtype: torch.dtype) -> Backbone:
        """The same in another precision."""
        other = Backbone(copy.deepcopy(self.network), self.config, self.facts)
        other.tile, other.ensemble = self.tile, self.ensemble
        return other.to(dtype=dtype)

    def computed(self, size: tuple[int, int], *, differentiable: bool = False) -> int:
        """How many pixels one call computes for a picture of ``size`` (h, w), those around tiles included."""
        tile = min(self.tile, GRADIENT_TILE) if differentiable else self.tile
        return computed_pixels(size, tile=tile, halo=self.network.halo, multiple=self.config.network.multiple)

    def denoiser(self, condition: Condition | None = None, *, differentiable: bool = False) -> Denoiser:
        """Bind a condition (None: the unconditional prior) and give ``(x, sigma) -> E[x0 | x]``.

        x ``(b, 3, h, w)`` of any size; sigma is clamped to the trained range, and 0 gives x back.
        differentiable: with respect to x, for the methods that differentiate the network. Memory is that of
        one piece at a time, which is computed anew on the way back (Chen et al. 2016).
        """
        planes = None if condition is None else condition.planes().to(self.device)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            if sigma <= 0:
                return x
            return self._call(x, planes, sigma, differentiable=differentiable)[0]

        return denoise

    def variance_denoiser(self, condition: Condition | None = None) -> VarianceDenoiser:
        """The same for a checkpoint with learned variances, for ancestral sampling that uses them."""
        if not self.config.learned_variance:
            raise ValueError("this checkpoint has no learned variance; use variance='small' or 'large'")
        return VarianceDenoiser(self, condition)

    def _call(
        self, x: Tensor, planes: Tensor | None, sigma: float, *, differentiable: bool = False
    ) -> tuple[Tensor, Tensor]:
        """The clean picture in [0, 1], and the same in [-1, 1] followed by what else the network put out."""
        config = self.config
        # Double precision on the CPU: not every device has it.
        level = torch.tensor([min(max(sigma, config.sigma_min), config.sigma_max)], dtype=torch.float64)
        if planes is not None and (planes.shape[0], *planes.shape[2:]) != (x.shape[0], *x.shape[2:]):
            raise ValueError(
                f"the condition is for {planes.shape[0]} pictures of {planes.shape[-1]}x{planes.shape[-2]}, "
                f"x holds {x.shape[0]} of {x.shape[-1]}x{x.shape[-2]} (w x h)"
            )

        def network(inputs: Tensor, log_snr: Tensor) -> Tensor:
            output: Tensor = self.network(
                inputs.to(self.dtype).contiguous(memory_format=torch.channels_last), log_snr
            )
            return output.float()

        def run(piece: Tensor) -> Tensor:
            # Everything beside the state and the answer exists for one piece at a time.
            x_t = piece[:, :3]
            condition = no_condition(x_t) if planes is None else piece[:, 3:]
            clean, raw = predict(network, config, x_t, condition, level)
            return torch.cat([clean, raw[:, 3:]], dim=1)

        tile = min(self.tile, GRADIENT_TILE) if differentiable else self.tile

        def part(piece: Tensor) -> Tensor:
            self.calls += 1
            if not piece.requires_grad:
                return run(piece)
            clean: Tensor = checkpoint(run, piece, use_reentrant=False)
            return clean

        with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
            x_t = schedules.to_network(x.to(self.device, torch.float32), level)
            inputs = x_t if planes is None else torch.cat([x_t, planes], dim=1)
            multiple = config.network.multiple

            def whole(planes: Tensor) -> Tensor:
                return tiled(part, planes, tile=tile, halo=self.network.halo, multiple=multiple)

            answer = over_orientations(whole, inputs, self.ensemble)
            return ((answer[:, :3] + 1) / 2).to(x.device, x.dtype), answer.to(x.device)


class VarianceDenoiser:
    """A denoiser that also tells the reverse variance, as ``samplers.ddpm(variance="learned")`` asks."""

    def __init__(self, backbone: Backbone, condition: Condition | None):
        self._backbone = backbone
        self._planes = None if condition is None else condition.planes().to(backbone.device)

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        return self.with_variance(x, sigma)[0]

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """(E[x0 | x], the interpolation in [0, 1] between the small and the large log variance)."""
        clean, raw = self._backbone._call(x, self._planes, sigma)
        return clean, interpolation(raw).clamp(0, 1)


def best_dtype(device: str | torch.device) -> torch.dtype:
    """The fastest precision whose result is the same to 0.02 dB: bfloat16 where the machine computes it."""
    if torch.device(device).type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if torch.device(device).type == "cpu":
        return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
    return torch.float32


def dtype_of(precision: Precision, device: str | torch.device) -> torch.dtype:
    """What a precision means on a device; ``auto`` is the best there."""
    dtypes = {"bf16": torch.bfloat16, "fp32": torch.float32}
    return dtypes.get(precision) or best_dtype(device)


def best_device() -> str:
    """``cuda`` where there is a card, ``mps`` on a Mac that has it, else ``cpu``."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


# Checkpoints


def shipped_weights() -> Path:
    """The checkpoint inside the package."""
    return Path(__file__).parent / "weights" / "restore.safetensors"


@cache
def shipped() -> Backbone:
    """The backbone in the package, loaded once for all tasks."""
    return load()


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of all tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save(backbone: Backbone, path: str | Path, *, dtype: torch.dtype = torch.float16) -> str:
    """Write the weights as safetensors with configuration, facts and hash in the metadata; return the hash.

    Raises WeightsError for weights that are not finite in ``dtype``, OutputError when it cannot be written.
    """
    state = {n: t.detach().to("cpu", dtype).contiguous() for n, t in backbone.network.state_dict().items()}
    described = {"format": FORMAT, "config": json.dumps(asdict(backbone.config))}
    return _save(Path(path), state, described, backbone.facts)


def save_adapters(
    tensors: Mapping[str, Tensor], path: str | Path, *, base: str, facts: Mapping[str, Any]
) -> str:
    """Write adapters, as `restore.adapters.adapter_tensors` gives them, with the hash of the checkpoint they
    belong to; return their own hash. Raises as `save` does."""
    half = {name: t.detach().to("cpu", torch.float16).contiguous() for name, t in tensors.items()}
    return _save(Path(path), half, {"format": adapters.FORMAT, "base": base}, facts)


def _save(path: Path, tensors: dict[str, Tensor], described: dict[str, str], facts: Mapping[str, Any]) -> str:
    check_finite(path, tensors)
    digest = tensors_hash(tensors)
    kept = {key: value for key, value in facts.items() if key != "sha256"}  # that of what it was loaded from
    write_tensors(path, tensors, {**described, "sha256": digest, "facts": json.dumps(kept)})
    return digest


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file beside its target and rename it: a full disk never costs an old one.

    Raises OutputError.
    """
    from safetensors.torch import save as encoded

    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(encoded(tensors, metadata))  # save_file would hide it from other users
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); free some space or name another folder"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def load(
    path: str | Path | None = None, *, device: str | None = None, dtype: torch.dtype | None = None
) -> Backbone:
    """Load a checkpoint (None: the one in the package) and check it; never runs pickled code.

    Checks the format version, every tensor's name and shape, the hash, and that all numbers are finite.
    A file of adapters is put on its base, which is the checkpoint in the package or one that lies beside the
    file, known by its hash. device None: the best there is; dtype None: ``best_dtype``. Raises WeightsError.
    """
    path = shipped_weights() if path is None else Path(path)
    state, config, facts = _read_checkpoint(path)
    with torch.device("meta"):  # no memory but that of the tensors read
        network = UNet(config.network)
    network.load_state_dict(state, assign=True)
    device = device or best_device()
    return Backbone(network, config, facts).to(device, dtype or best_dtype(device))


def _read_checkpoint(path: Path) -> tuple[dict[str, Tensor], BackboneConfig, dict[str, Any]]:
    """(the network's state, its configuration, facts), checked; adapters are merged. Raises WeightsError."""
    metadata, tensors = read_file(path)
    kind = metadata.get("format")
    if kind not in (FORMAT, adapters.FORMAT):
        raise WeightsError(
            f"{path}: expected a checkpoint of format {FORMAT}, got {kind or 'none named'}; "
            "foreign weights cannot be loaded"
        )
    try:
        facts = dict(json.loads(metadata["facts"]))
        facts["sha256"] = digest = metadata.get("sha256", "")
        if kind == adapters.FORMAT:
            _check_contents(path, tensors, digest)
            base, config, base_facts = _read_checkpoint(_base_of(path, metadata["base"]))
            return adapters.merged(base, tensors), config, {**base_facts, **facts, "adapts": metadata["base"]}
        config = config_from_dict(json.loads(metadata["config"]))
        with torch.device("meta"):  # no memory before the tensors are known to fit
            expected = UNet(config.network).state_dict()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path}: its configuration cannot be read ({error!r})") from None
    check_shapes(path, tensors, expected)
    _check_contents(path, tensors, digest)
    return tensors, config, facts


def read_tensors(path: Path, *, with_tensors: bool = True) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the tensors of a safetensors file. Raises SafetensorError and OSError."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        names = list(file.keys()) if with_tensors else []
        return file.metadata() or {}, {name: file.get_tensor(name) for name in names}


def read_file(path: Path, *, with_tensors: bool = True) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the tensors of a safetensors file. Raises WeightsError."""
    from safetensors import SafetensorError

    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    try:
        return read_tensors(path, with_tensors=with_tensors)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: damaged, or not a safetensors file ({error})") from None


def _base_of(path: Path, digest: str) -> Path:
    """The checkpoint of that hash: the one in the package, or one in the folder of the adapters."""
    shipped_file = shipped_weights()
    beside = (
        other for other in sorted(path.absolute().parent.glob("*.safetensors")) if other.name != path.name
    )
    for candidate in (shipped_file, *beside):
        try:
            metadata, _ = read_file(candidate, with_tensors=False)
        except WeightsError:
            continue
        if metadata.get("sha256") == digest and metadata.get("format") == FORMAT:
            return candidate
    held = read_file(shipped_file, with_tensors=False)[0].get("sha256", "")
    raise WeightsError(
        f"{path}: these are adapters for the weights {digest[:12]}, but the package holds {held[:12]}; put "
        "that checkpoint beside them in the same folder, or fit again"
    )


def check_shapes(path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise WeightsError, naming it, at the first tensor that is missing, unknown or of another shape."""
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            raise WeightsError(f"{path}: {'lacks' if name in expected else 'has an unknown'} tensor {name}")
        if tensors[name].shape != expected[name].shape:
            shapes = tuple(tensors[name].shape), tuple(expected[name].shape)
            raise WeightsError(f"{path}: tensor {name} is {shapes[0]}, expected {shapes[1]}")


def _check_contents(path: Path, tensors: Mapping[str, Tensor], digest: str) -> None:
    if (found := tensors_hash(tensors)) != digest:
        raise WeightsError(
            f"{path}: damaged: its contents hash to {found[:12]}, it says {digest[:12] or 'none'}"
        )
    check_finite(path, tensors)


def check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise WeightsError, naming the tensor, when one holds NaN or infinity."""
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{path}: tensor {name} holds numbers that are not finite")


def config_from_dict(values: Mapping[str, Any]) -> BackboneConfig:
    """Rebuild a configuration from what ``asdict`` and JSON made of it."""
    values = dict(values)
    network = dict(values.pop("network"))
    network["channels"] = tuple(int(c) for c in network["channels"])
    return BackboneConfig(network=UNetConfig(**network), **values)
