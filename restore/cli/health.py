"""What ``restore doctor`` looks at: each function gives what it finds, and how to mend what is missing."""

from __future__ import annotations

import importlib
import os
import platform
import re
import shutil
import sys
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from restore import __version__, plugins
from restore.diffusion.samplers import SAMPLERS, sampler_of
from restore.errors import PluginError
from restore.images import memory
from restore.inverse.catalogue import own_solvers, solver_of
from restore.inverse.spec import NAMES
from restore.tasks.catalogue import TASKS, taken_methods
from restore.tasks.method import method_of

DISTRIBUTION = "restore-diffusion"
HEADLESS = "opencv-python-headless"
PIP = "python -m pip install"
UNINSTALL = "python -m pip uninstall"
LEAST_PYTHON = (3, 11)

NEEDED = {
    "torch": ("torch", "2.10"),
    "torchvision": ("torchvision", "0.25"),
    "opencv-python": ("cv2", "4.10"),
    "numpy": ("numpy", "1.26"),
    "scipy": ("scipy", "1.11"),
    "scikit-image": ("skimage", "0.25"),
    "pillow": ("PIL", "11.3"),
    "tifffile": ("tifffile", "2024.8"),
    "safetensors": ("safetensors", "0.5"),
    "pywavelets": ("pywt", "1.6"),
    "kornia": ("kornia", "0.8"),
    "lpips": ("lpips", "0.1.4"),
    "click": ("click", "8.2"),
    "tqdm": ("tqdm", "4.66"),
}
"""The module of each package that is needed, and the least version."""

OPTIONAL = {
    "matplotlib": ("plot", "--plot"),
    "pillow-heif": ("heif", "HEIC files"),
    "pyjpegxl": ("jxl", "JPEG XL files"),
    "transformers": ("text", "sample --text"),
    "spandrel": ("spandrel", "eval --peer with model files"),
    "tensorboard": ("train", "the log of restore train"),
    "ocrmypdf": ("ocrmypdf", "the plugin restore.integrations.ocrmypdf"),
    "ray": ("ray", "--engine ray"),
    "starlette": ("web", "restore serve"),
    "uvicorn": ("web", "restore serve"),
    "watchfiles": ("watch", "--watch without --poll"),
    "pikepdf": ("pdf", "the images of PDFs"),
    "pypdfium2": ("pdf", "the images of PDFs"),
    "obstore": ("cloud", "pictures in s3://, gs://, az:// and https://"),
}
"""The extra that brings each package which can be done without, and what wants it."""

PROGRAMS = {
    "gmic": (("gmic",), "two rows of eval inpaint", "install gmic, Debian: apt-get install gmic"),
    "C++ compiler": (
        ("c++", "g++", "clang++", "cl"),
        "faster steps of fit and train",
        "install one, Debian: apt-get install g++",
    ),
}
"""Names of each program that can be done without, what wants it, and where it comes from."""

WEIGHTS = Path(__file__).parents[1] / "weights"
FILES = {
    "restore.safetensors": "the network",
    "noise.safetensors": "its adapters for noise",
    "damage.safetensors": "the networks of restore repair",
}
"""The weights in the package, those first that others are for."""

CUDA = f"{PIP} --force-reinstall torch torchvision, with the index that pytorch.org names for your CUDA"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    text: what was found. state: missing means that something needed is not there or not whole. mend: the
    command, or the deed, that mends it; empty where nothing is missing.
    """

    group: str
    name: str
    text: str
    state: Literal["fine", "optional", "missing"] = "fine"
    mend: str = ""


def findings() -> Iterator[Finding]:
    """Look at everything, the cheapest first."""
    yield from of_python()
    yield from (of_package(name, module, least) for name, (module, least) in NEEDED.items())
    yield from of_options()
    yield from of_plugins()
    # What these lack is told already.
    if all(trouble_importing(module) is None for module in ("torch", "numpy", "safetensors")):
        yield from (*of_device(), *of_weights(), *of_machine())


def of_python() -> Iterator[Finding]:
    yield Finding("installed", "restore", f"{__version__}, {Path(__file__).parents[1]}")
    version = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    old = sys.version_info[:2] < LEAST_PYTHON
    mend = f"install Python {'.'.join(map(str, LEAST_PYTHON))} or newer" if old else ""
    yield Finding("installed", "Python", version, "missing" if old else "fine", mend)


def of_package(name: str, module: str, least: str) -> Finding:
    held = version_of(name) or (version_of(HEADLESS) if name == "opencv-python" else "")
    install = f'{PIP} "{name}>={least}"'
    if (told := trouble_importing(module)) is not None:
        if name == "opencv-python" and re.search(r"\.so\b", told):  # it wants libraries of the system
            install = f"apt-get install libgl1 libglib2.0-0, or {PIP} {HEADLESS} in its place"
        elif held:
            install = f'{PIP} --force-reinstall "{name}>={least}"'
        return Finding("installed", name, f"cannot be imported ({told[:80]})", "missing", install)
    if held and numbers(held) < numbers(least):
        return Finding("installed", name, f"{held}, older than {least}", "missing", install)
    return Finding("installed", name, held or "of no known version")


def trouble_importing(module: str) -> str | None:
    """What a module raises when it is imported; None where it raises nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)
    except Exception as error:  # whatever a broken installation raises
        return " ".join(str(error).split()) or type(error).__name__
    return None


def of_options() -> Iterator[Finding]:
    """Packages and programs that can be done without."""
    for name, (extra, use) in OPTIONAL.items():
        if held := version_of(name):
            yield Finding("optional", name, f"{held}, for {use}")
        else:
            yield Finding(
                "optional", name, f"not installed; for {use}", "optional", f"{PIP} '{DISTRIBUTION}[{extra}]'"
            )
    for name, (words, use, mend) in PROGRAMS.items():
        if found := next(filter(None, map(shutil.which, words)), None):
            yield Finding("optional", name, f"{found}, for {use}")
        else:
            yield Finding("optional", name, f"not found; for {use}", "optional", mend)


def of_plugins() -> Iterator[Finding]:
    """Samplers, operators, methods and solvers of other packages, and whether they can be used."""
    for group in plugins.GROUPS:
        for plugin in plugins.found(group).values():
            name = f"{group.removesuffix('s')} {plugin.name}"
            try:
                told = trouble_with(plugin)
            except PluginError as error:
                told = str(error)
            if told:
                yield Finding("plugins", name, told, "optional", f"{UNINSTALL} {plugin.package}")
            else:
                yield Finding("plugins", name, f"of {plugin.source}")


def trouble_with(plugin: plugins.Plugin) -> str:
    """Load what another package offers; say why it cannot be used. Raises PluginError."""
    task, dot, _ = plugin.name.partition(".")
    taken: Collection[str] = ()
    if plugin.group == "samplers":
        sampler_of(plugin)
        taken = SAMPLERS
    elif plugin.group == "solvers":
        solver_of(plugin)
        taken = own_solvers()
    elif plugin.group == "operators":
        taken = NAMES
        if not callable(plugin.load()):
            raise plugin.wrong("a class or a function (size, device)", plugin.load())
    elif dot and task in TASKS and task != "vary":
        method_of(plugin, "mean")
        taken = taken_methods(task)
    else:
        return f"{plugin.told}: expected TASK.NAME, such as denoise.mine"
    return plugins.taken_text(plugin) if plugin.name in taken else ""


def of_device() -> Iterator[Finding]:
    """The device and the precision that --device auto and --precision auto mean here, and why."""
    import torch

    from restore.priors.device import best_device, best_dtype

    device = best_device()
    narrow = best_dtype(device) == torch.bfloat16
    if device == "cuda":
        text, mend = f"cuda, since torch finds {torch.cuda.get_device_name()}", ""
    elif device == "mps":
        text, mend = "mps, the graphics processor of this Mac", ""
    elif shutil.which("nvidia-smi") and torch.version.cuda is None:
        text, mend = "cpu, since this torch is built without CUDA", CUDA
    elif shutil.which("nvidia-smi"):
        text, mend = "cpu, since torch finds no card that it can use", "check the driver: nvidia-smi"
    else:
        text, mend = "cpu, since there is no CUDA card and no Mac's graphics processor", ""
    yield Finding("used", "device", text, "optional" if mend else "fine", mend)
    unit = "this card" if device == "cuda" else "this processor"
    told = f"bf16, which {unit} computes itself" if narrow else f"fp32, since {unit} has no bf16 of its own"
    yield Finding("used", "precision", told)


def of_weights(folder: Path = WEIGHTS) -> Iterator[Finding]:
    """Whether the contents of the files in the package hash to what they should."""
    from restore.errors import WeightsError
    from restore.images.outside import brief
    from restore.priors.checkpoint import read_file, tensors_hash

    mend = f"{PIP} --force-reinstall --no-deps {DISTRIBUTION}"
    base = ""
    for name, use in FILES.items():
        try:
            told, tensors = read_file(folder / name)
        except WeightsError as error:
            reason = brief(str(error).removeprefix(f"{folder / name}: "))
            yield Finding("used", name, reason, "missing", mend)
            continue
        found, due = tensors_hash(tensors), told.get("sha256", "")
        if name == "restore.safetensors":
            base = found
        if found != due:
            text = f"damaged: its contents hash to {found[:12]}, expected {due[:12]}"
            yield Finding("used", name, text, "missing", mend)
        elif told.get("base", base) != base:
            yield Finding("used", name, "belongs to other weights than restore.safetensors", "missing", mend)
        else:
            yield Finding("used", name, f"whole, sha256 {found[:12]}; {use}")


def of_machine() -> Iterator[Finding]:
    """The memory that pictures may take, and the threads that compute them."""
    import torch

    there, most = memory.available(), memory.limit()
    if there is None or most is None:
        text = "not told by this system, so no picture is refused; --max-memory sets a limit"
    else:
        text = f"{memory.in_words(there)} available, {memory.in_words(most)} for a picture (--max-memory)"
    yield Finding("used", "memory", text)
    given = os.environ.get("OMP_NUM_THREADS")
    why = f", as OMP_NUM_THREADS={given} says" if given else "; OMP_NUM_THREADS sets another number"
    yield Finding("used", "threads", f"{torch.get_num_threads()} of {os.cpu_count()} processors{why}")


def version_of(distribution: str) -> str:
    """The version of an installed distribution; empty for one that is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, to compare it by.

    >>> numbers("2.10.1+cpu") > numbers("2.9")
    True
    """
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
