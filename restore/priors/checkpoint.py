"""Checkpoints: weights with their configuration and hash, written and read as safetensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restore.errors import OutputError, WeightsError
from restore.images.temporary import temporary_beside
from restore.priors import adapters
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.device import best_device, best_dtype
from restore.priors.unet import UNet, UNetConfig

FORMAT = "restore-backbone-1"


def shipped_weights() -> Path:
    """Give the path of the checkpoint in the package."""
    return Path(__file__).parents[1] / "weights" / "restore.safetensors"


def noise_adapters() -> Path:
    """Give the path of the package's adapters for noisy pictures, which belong to `shipped_weights`."""
    return Path(__file__).parents[1] / "weights" / "noise.safetensors"


@cache
def shipped() -> Backbone:
    """Give the backbone in the package, loaded once for all tasks."""
    return load()


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """Give the SHA-256 over names, dtypes, shapes and bytes of all tensors, in the order of their names.

    Examples
    --------
    >>> tensors_hash({"a": torch.zeros(2)})[:12]
    'da53f451559f'
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save(backbone: Backbone, path: str | Path, *, dtype: torch.dtype = torch.float16) -> str:
    """Write a backbone as safetensors with configuration, facts and hash in the metadata.

    Parameters
    ----------
    backbone : to be written.
    path : of the file; an old one is replaced only once the new one is complete.
    dtype : of the tensors in the file.

    Returns
    -------
    The hash of the tensors, which is the checkpoint's identity.

    Raises
    ------
    WeightsError
        For weights that are not finite in ``dtype``.
    OutputError
        When it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from restore.testing import tiny_prior
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digest = save(tiny_prior(), Path(folder) / "tiny.safetensors")
    ...     load(Path(folder) / "tiny.safetensors").facts["sha256"] == digest
    True
    """
    state = {n: t.detach().to("cpu", dtype).contiguous() for n, t in backbone.network.state_dict().items()}
    described = {"format": FORMAT, "config": json.dumps(asdict(backbone.config))}
    return _save(Path(path), state, described, backbone.facts)


def save_adapters(
    tensors: Mapping[str, Tensor], path: str | Path, *, base: str, facts: Mapping[str, Any]
) -> str:
    """Write adapters with the hash of the checkpoint they belong to.

    Parameters
    ----------
    tensors : as `restore.priors.adapters.adapter_tensors` gives them.
    path : of the file.
    base : hash of the checkpoint.
    facts : of their training, free form.

    Returns
    -------
    The hash of the adapters.

    Raises
    ------
    WeightsError, OutputError
        As `save`.
    """
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

    try:
        with temporary_beside(path) as part:
            part.write_bytes(encoded(tensors, metadata))  # save_file would hide it from other users
            part.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); free some space or name another folder"
        ) from error


def load(
    path: str | Path | None = None, *, device: str | None = None, dtype: torch.dtype | None = None
) -> Backbone:
    """Load a checkpoint and check it; no pickled code is ever run.

    The format's version, the name and shape of every tensor and the hash are checked, and that all numbers
    are finite. A file of adapters is put on its base: the checkpoint in the package, or one beside the file,
    found by its hash.

    Parameters
    ----------
    path : str or Path, optional
        A file that `restore train`, `restore fit` or `restore.priors.checkpoint.save` has written; None is
        the checkpoint in the package.
    device : str, optional
        Such as ``cpu`` or ``cuda``; None is the best there is.
    dtype : torch.dtype, optional
        The precision; None is the device's best, `restore.priors.device.best_dtype`.

    Returns
    -------
    Backbone
        The network, to be passed to the tasks as ``prior``.

    Raises
    ------
    WeightsError
        For a file that is missing, damaged, foreign or of another format version.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from restore import load
    >>> from restore.priors.checkpoint import save
    >>> from restore.testing import tiny_prior
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digest = save(tiny_prior(), Path(folder) / "tiny.safetensors")
    ...     prior = load(Path(folder) / "tiny.safetensors", device="cpu")
    >>> prior.parameters
    8076
    """
    path = shipped_weights() if path is None else Path(path)
    state, config, facts = _read_checkpoint(path)
    with torch.device("meta"):  # no memory but that of the tensors read
        network = UNet(config.network)
    network.load_state_dict(state, assign=True)
    device = device or best_device()
    backbone = Backbone(network, config, facts)
    if noise_adapters().is_file():
        metadata, tensors = read_file(noise_adapters())
        if metadata.get("base") == facts["sha256"]:
            _check_contents(noise_adapters(), tensors, metadata.get("sha256", ""))
            backbone.noise_adapters = tensors
            backbone.facts["noise_adapters"] = metadata["sha256"]
    return backbone.to(device, dtype or best_dtype(device))


def _read_checkpoint(path: Path) -> tuple[dict[str, Tensor], BackboneConfig, dict[str, Any]]:
    """Give the network's state, its configuration and facts, checked; adapters are merged."""
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
    """Give the metadata and the tensors of a safetensors file; SafetensorError or OSError."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        names = list(file.keys()) if with_tensors else []
        # Copies: where tensors lie in the file depends on its header, and the last bits of what is computed
        # from them depend on how they are aligned.
        return file.metadata() or {}, {name: file.get_tensor(name).clone() for name in names}


def read_file(path: Path, *, with_tensors: bool = True) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Give the metadata and the tensors of a safetensors file; WeightsError."""
    from safetensors import SafetensorError

    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    try:
        return read_tensors(path, with_tensors=with_tensors)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: damaged, or not a safetensors file ({error})") from None


def _base_of(path: Path, digest: str) -> Path:
    """Give the checkpoint of that hash: the one in the package, or one in the folder of the adapters."""
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
    for name in ("channels", "attention"):
        network[name] = tuple(int(c) for c in network.get(name, ()))
    values["labels"] = tuple(str(label) for label in values.get("labels", ()))
    return BackboneConfig(network=UNetConfig(**network), **values)
