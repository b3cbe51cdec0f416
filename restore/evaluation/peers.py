"""Rows for restorers from outside: a program, a function of a Python file, a model file for spandrel."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.evaluation.cases import Given, Restorer
from restore.evaluation.program_peers import Program, is_program
from restore.evaluation.results import Candidate


def peer_method(spec: str, device: str) -> Candidate:
    """Load a restorer from outside.

    Parameters
    ----------
    spec : str
        ``[NAME=]FILE.py:FUNCTION[:WEIGHTS]``, ``[NAME=]MODEL``, or ``[NAME=]COMMAND`` with ``{input}`` and
        ``{output}`` in it, see `restore.evaluation.program_peers.Program`. FUNCTION is called with the path
        of the weights, where given, and the device's name, and returns the restorer: a function from a
        `restore.evaluation.cases.Given` to a picture ``(1, 3, h, w)`` in [0, 1]. MODEL is a file of a
        single-pass network of any architecture that the spandrel package knows.
    device : str
        Where it is computed.

    Returns
    -------
    Candidate
        Its row.

    Raises
    ------
    ConfigError
        The function cannot be loaded or set up, or spandrel is missing.
    WeightsError
        The weights cannot be read.

    Examples
    --------
    >>> peer_method("FFDNet=benchmarks/peers.py:ffdnet:ffdnet_color.npz", "cpu").name  # doctest: +SKIP
    'FFDNet'
    """
    name, source = _named(spec)
    if is_program(source):
        program = Program.parse(source)
        return Candidate(name or Path(program.words[0]).stem, program, "peer", "cpu 8 bits")
    found = re.fullmatch(r"(.+\.py):([A-Za-z_]\w*)(?::(.+))?", source)
    if found:
        factory, file = _function(Path(found[1]), found[2]), found[3]
        weights = _file_hash(Path(file)) if file else ""
        try:
            run: Restorer = factory(Path(file), device) if file else factory(device)
        except Exception as error:  # whatever it raises
            raise ConfigError(
                f"--peer {found[1]}: {found[2]} cannot be set up ({_first_line(error)}); it is called with "
                f"{'the weights and the device' if file else 'the device'}"
            ) from None
        return Candidate(name or found[2], run, "peer", f"{device} float32", weights)
    path = Path(source)
    weights = _file_hash(path)
    return Candidate(name or path.stem, _by_spandrel(path, device), "peer", f"{device} float32", weights)


def _named(spec: str) -> tuple[str, str]:
    name, equals, source = spec.partition("=")
    if "{" in name or " -" in name:  # a command with an option such as --out={output}
        return "", spec
    return (name.strip(), source) if equals else ("", spec)


def _function(path: Path, name: str) -> Callable[..., Restorer]:
    if not path.is_file():
        raise ConfigError(f"--peer: {path}: no such file; expected NAME=FILE.py:FUNCTION:WEIGHTS")
    spec = importlib.util.spec_from_file_location(f"restore_peer_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # it ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as dataclasses want it
    sys.path.insert(0, str(path.absolute().parent))  # for what lies beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever is wrong with it
        raise ConfigError(f"--peer: {path} cannot be loaded ({_first_line(error)})") from None
    finally:
        sys.path.pop(0)
    function = getattr(module, name, None)
    if not callable(function):
        raise ConfigError(f"--peer: {path} has no function {name}")
    return function  # type: ignore[no-any-return] # it is what the user wrote


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _file_hash(path: Path) -> str:
    """The first 12 digits of the file's SHA-256."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    except OSError as error:
        raise WeightsError(f"--peer: {path}: cannot read the weights ({error.strerror})") from None


def _by_spandrel(path: Path, device: str) -> Restorer:
    try:
        from spandrel import ImageModelDescriptor, MaskedImageModelDescriptor, ModelLoader
    except ImportError:
        raise ConfigError(
            f"--peer {path}: model files are loaded by spandrel: pip install spandrel"
        ) from None
    try:
        model = ModelLoader(device).load_from_file(path)
    except Exception as error:  # whatever the many architectures raise
        raise WeightsError(f"--peer {path}: spandrel cannot load it ({_first_line(error)})") from None
    model.eval()

    def run(given: Given) -> Tensor:
        image = given.image.clamp(0, 1).to(device)
        with torch.inference_mode():
            if isinstance(model, MaskedImageModelDescriptor):
                if given.hole is None:
                    raise ConfigError(f"--peer {path} fills holes; it cannot do this task")
                filled: Tensor = model(image, given.hole.to(device))
                return filled.cpu()
            if not isinstance(model, ImageModelDescriptor) or given.hole is not None:
                raise ConfigError(f"--peer {path} ({model.architecture.name}) cannot do this task")
            if model.scale != (given.scale or 1):
                raise ConfigError(f"--peer {path} enlarges x{model.scale}, the protocol x{given.scale or 1}")
            result: Tensor = model(image)
            return result.cpu()

    return run
