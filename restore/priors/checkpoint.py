"""Checkpoints: weights with their configuration and hash, written and read as safetensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restore.errors import WeightsError
from restore.images.outside import brief, parse_json, plain, shown
from restore.images.writer import write_bytes
from restore.priors import adapters
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.device import best_device, best_dtype, check_device, check_dtype
from restore.priors.facts import parse_facts
from restore.priors.once import once
from restore.priors.tensor_file import read_header, read_tensors
from restore.priors.tensor_header import check_header_size, read_weights, shipped_weights
from restore.priors.unet import UNet, UNetConfig

FORMAT = "restore-backbone-1"
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
PIECE = 2**20  # numbers looked at at once


def noise_adapters() -> Path:
    """Give the path of the package's adapters for noisy pictures, which belong to `shipped_weights`."""
    return Path(__file__).parents[1] / "weights" / "noise.safetensors"


@once
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
        digest.update(tensor.reshape(-1).contiguous().view(torch.uint8).numpy().data)
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
    # That of what it was loaded from is left out.
    told = json.dumps({key: value for key, value in facts.items() if key != "sha256"})
    try:
        parse_facts(told)
    except ValueError as error:
        raise WeightsError(f"{path}: could not be loaded again ({error})") from None
    write_tensors(path, tensors, {**described, "sha256": digest, "facts": told})
    return digest


def write_tensors(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, str], *, overwrite: bool = True
) -> None:
    """Write a safetensors file, all of it or nothing: a full disk never costs an old one.

    Raises OutputError, and WeightsError for what could not be loaded again.
    """
    from safetensors.torch import save as encoded

    data = encoded(tensors, metadata)
    try:
        check_header_size(int.from_bytes(data[:8], "little"))
    except ValueError as error:
        raise WeightsError(f"{path}: could not be loaded again ({error}); shorten its metadata") from None
    write_bytes(path, data, overwrite=overwrite)


def load(
    path: str | Path | None = None,
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
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
    device : str or torch.device, optional
        Such as ``cpu``, ``cuda`` or ``cuda:1``; None is the best there is.
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
    ValueError, TypeError
        For a device that is not there, and for what is no device and no precision.

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
    device = best_device() if device is None else device
    check_device(device)
    dtype = best_dtype(device) if dtype is None else dtype
    check_dtype(dtype)
    network, config, facts = _read_network(path)
    backbone = Backbone(network, config, facts)
    if noise_adapters().is_file():
        metadata, held = read_described(noise_adapters())
        if metadata.get("base") == facts["sha256"]:
            digest = metadata.get("sha256", "")
            _check_adapters(noise_adapters(), network.state_dict(), held)
            backbone.noise_adapters = _read_checked(noise_adapters(), digest)
            backbone.facts["noise_adapters"] = digest
    return backbone.to(device, dtype)


def _read_network(path: Path) -> tuple[UNet, BackboneConfig, dict[str, Any]]:
    """Give the network of a checkpoint; what was read for it is kept nowhere else."""
    state, config, facts = _read_checkpoint(path)
    with torch.device("meta"):  # no memory but that of the tensors read
        network = UNet(config.network)
    network.load_state_dict(state, assign=True)
    return network, config, facts


def _read_checkpoint(path: Path) -> tuple[dict[str, Tensor], BackboneConfig, dict[str, Any]]:
    """Give the network's state, its configuration and facts, checked; adapters are merged."""
    metadata, held = read_described(path)
    kind = metadata.get("format")
    if kind not in (FORMAT, adapters.FORMAT):
        raise WeightsError(
            f"{path}: expected a checkpoint of format {FORMAT}, got {plain(kind or 'none named')}; "
            "foreign weights cannot be loaded"
        )
    digest = metadata.get("sha256", "")
    try:
        facts = {**parse_facts(metadata["facts"]), "sha256": digest}
        if kind == FORMAT:
            config = config_from_dict(parse_json(metadata["config"]))
        base_digest = metadata["base"] if kind == adapters.FORMAT else ""
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: its configuration cannot be read ({brief(repr(error))})") from None
    if kind == adapters.FORMAT:
        return _read_adapters(path, base_digest, held, facts)
    check_size(path, held, config.network.sizes)
    with torch.device("meta"):  # no memory before the tensors are known to fit
        expected = UNet(config.network).state_dict()
    check_shapes(path, held, expected)
    check_kinds(path, held)
    return _read_checked(path, digest), config, facts


def _read_adapters(
    path: Path, base_digest: str, held: Mapping[str, Tensor], facts: dict[str, Any]
) -> tuple[dict[str, Tensor], BackboneConfig, dict[str, Any]]:
    """Give what `_read_checkpoint` gives, of adapters and their base."""
    source = _base_of(path, base_digest)
    _check_adapters(path, read_described(source)[1], held)
    tensors = _read_checked(path, facts["sha256"])
    base, config, base_facts = _read_checkpoint(source)
    state = adapters.merged(base, tensors)
    check_finite(path, state)
    return state, config, {**base_facts, **facts, "adapts": base_digest}


def _check_adapters(path: Path, base: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> None:
    try:
        adapters.check(base, held)
    except ValueError as error:
        raise WeightsError(f"{path}: these adapters do not fit their weights ({brief(error)})") from None
    check_kinds(path, held)


def _read_checked(path: Path, digest: str) -> dict[str, Tensor]:
    """Give the tensors of a file whose header was found right, if they hash to this."""
    _, tensors = read_file(path)
    _check_contents(path, tensors, digest)
    return tensors


def read_described(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Give the metadata of a safetensors file, and its tensors without their numbers; WeightsError."""
    return read_weights(path, read_header)


def read_file(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Give the metadata and the tensors of a safetensors file; WeightsError."""
    return read_weights(path, read_tensors)


def _base_of(path: Path, digest: str) -> Path:
    """Give the checkpoint of that hash: the one in the package, or one in the folder of the adapters."""
    shipped_file = shipped_weights()
    beside = (
        other for other in sorted(path.absolute().parent.glob("*.safetensors")) if other.name != path.name
    )
    for candidate in (shipped_file, *beside):
        try:
            metadata, _ = read_described(candidate)
        except WeightsError:
            continue
        if metadata.get("sha256") == digest and metadata.get("format") == FORMAT:
            return candidate
    held = read_described(shipped_file)[0].get("sha256", "")
    raise WeightsError(
        f"{path}: these are adapters for the weights {plain(digest[:12])}, but the package holds "
        f"{held[:12]}; put that checkpoint beside them in the same folder, or fit again"
    )


def check_size(path: Path, tensors: Mapping[str, Tensor], sizes: Sequence[int]) -> None:
    """Raise WeightsError where a network is far larger than what a file holds, before it is built.

    sizes: how many numbers each tensor of the network holds.
    """
    held = sum(tensor.numel() for tensor in tensors.values())
    if sum(sizes) > 2 * held + 1000 or len(sizes) > 2 * len(tensors) + 100:
        raise WeightsError(
            f"{path}: its configuration is that of a network of {sum(sizes)} numbers in {len(sizes)} "
            f"tensors, it holds {held} in {len(tensors)}"
        )


def check_shapes(path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise WeightsError, naming it, at the first tensor that is missing, unknown or of another shape."""
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            raise WeightsError(
                f"{path}: {'lacks' if name in expected else 'has an unknown'} tensor {plain(name)}"
            )
        if tensors[name].shape != expected[name].shape:
            shapes = tuple(tensors[name].shape), tuple(expected[name].shape)
            raise WeightsError(f"{path}: tensor {name} is {shapes[0]}, expected {shapes[1]}")


def check_kinds(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise WeightsError at the first tensor that is none of plain floating-point numbers."""
    for name, tensor in tensors.items():
        if tensor.dtype not in FLOATS or tensor.layout != torch.strided:
            kind = f"{tensor.dtype}, {tensor.layout}"
            raise WeightsError(
                f"{path}: tensor {plain(name)} is {kind}; expected plain floating-point numbers"
            )


def _check_contents(path: Path, tensors: Mapping[str, Tensor], digest: str) -> None:
    if (found := tensors_hash(tensors)) != digest:
        raise WeightsError(
            f"{path}: damaged: its contents hash to {found[:12]}, it says {plain(digest[:12]) or 'none'}"
        )
    check_finite(path, tensors)


def check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise WeightsError, naming the tensor, when one holds NaN or infinity."""
    for name, tensor in tensors.items():
        # In pieces, since the answer takes memory too.
        if not all(torch.isfinite(piece).all() for piece in torch.split(tensor.reshape(-1), PIECE)):
            raise WeightsError(f"{path}: tensor {plain(name)} holds numbers that are not finite")


def config_from_dict(values: Any) -> BackboneConfig:
    """Rebuild a configuration from what ``asdict`` and JSON made of it.

    Raises
    ------
    KeyError, TypeError, ValueError
        For what is no configuration.
    """
    described = _known(values, BackboneConfig, "the configuration")
    network = _known(described.pop("network"), UNetConfig, "the network")
    return BackboneConfig(network=UNetConfig(**_tuples(network)), **_tuples(described))


def _known(values: Any, cls: type[Any], what: str) -> dict[str, Any]:
    """Give a table as it is; ValueError for anything else, and for keys that the dataclass has not."""
    if not isinstance(values, dict):
        raise ValueError(f"expected {what} as a table, got {shown(values)}")
    if unknown := sorted(values.keys() - {field.name for field in fields(cls)}):
        raise ValueError(f"{what} has an unknown key {plain(unknown[0])}")
    return dict(values)


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(each) if isinstance(each, list) else each for name, each in values.items()}
