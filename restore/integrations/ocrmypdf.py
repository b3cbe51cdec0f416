"""A plugin of OCRmyPDF: scanned pages are cleaned before they are read, and if asked also as they are shown.

``ocrmypdf --plugin restore.integrations.ocrmypdf scan.pdf out.pdf``. It adds four options:

``--restore-method METHOD``
    How the image that the recogniser reads is denoised: a method of `restore.denoise`, or ``none``. The
    default is ``page``, which also evens out the paper.
``--restore-page METHOD``
    How the page that is shown is denoised. The default is ``none``. OCRmyPDF makes such an image only with
    ``--force-ocr``, ``--deskew`` or ``--clean-final``.
``--restore-weights FILE``
    Another checkpoint than the one in the package.
``--restore-device NAME``
    Where the network is computed: cpu, cuda, cuda:N or mps. The default is the best there is.

The size and the resolution of an image stay. Images of 1 bit, which hold no noise that the network knows, and
pages without an image are left as they are. A page that cannot be cleaned is left as it is, with a warning.
``pip install 'restore-diffusion[ocrmypdf]'`` brings what is needed.

References
----------
J. R. Barlow: OCRmyPDF, https://ocrmypdf.readthedocs.io/en/latest/plugins.html.
"""

from __future__ import annotations

import logging
import multiprocessing
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import RestoreError
from restore.priors.once import once
from restore.tasks import catalogue

try:
    from ocrmypdf import hookimpl
    from ocrmypdf.exceptions import BadArgsError
    from ocrmypdf.helpers import available_cpu_count
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "restore.integrations.ocrmypdf needs OCRmyPDF: pip install 'restore-diffusion[ocrmypdf]'",
        name=error.name,
    ) from None

if TYPE_CHECKING:
    from ocrmypdf import PageContext
    from PIL import Image

    from restore.priors.protocol import Prior

log = logging.getLogger(__name__)

QUALITY = 90  # of a page that OCRmyPDF has as a JPEG
NONE = "none"
DEFAULTS = {"restore_method": "page", "restore_page": NONE, "restore_weights": None, "restore_device": None}

# OCRmyPDF has a thread or a process for each page. One page at a time goes through the network of a process,
# with all its cores; the recogniser reads others meanwhile.
_one_at_a_time = threading.Lock()
_last = threading.local()  # of a thread, which does the two images of a page one after the other


@hookimpl
def add_options(parser: ArgumentParser) -> None:
    """Add the options to those of OCRmyPDF.

    Parameters
    ----------
    parser : of OCRmyPDF.

    Examples
    --------
    >>> parser = ArgumentParser()
    >>> add_options(parser)
    >>> parser.parse_args(["--restore-method", "auto"]).restore_method
    'auto'
    """
    names = [NONE, *catalogue.names("denoise")]
    group = parser.add_argument_group("Restore", "Clean scanned pages by diffusion")
    group.add_argument(
        "--restore-method", metavar="METHOD", choices=names, default=DEFAULTS["restore_method"],
        help=f"How the image that is read is denoised: {', '.join(names)} (default: page).",
    )  # fmt: skip
    group.add_argument(
        "--restore-page", metavar="METHOD", choices=names, default=NONE,
        help="How the page that is shown is denoised (default: none); needs --force-ocr, --deskew or "
        "--clean-final.",
    )  # fmt: skip
    group.add_argument(
        "--restore-weights", metavar="FILE", help="Another checkpoint than the one in the package."
    )
    group.add_argument(
        "--restore-device", metavar="NAME", help="cpu, cuda, cuda:N or mps (default: the best there is)."
    )


@hookimpl
def check_options(options: Any) -> None:
    """Refuse options that have no effect, before any page is read.

    Parameters
    ----------
    options : of OCRmyPDF.

    Raises
    ------
    BadArgsError
        For a method that does not exist, weights that are missing, and a page that would not be shown.
    """
    names = [NONE, *catalogue.names("denoise")]
    for name in ("restore_method", "restore_page"):  # those of its Python interface are not parsed
        if _option(options, name) not in names:
            shown = "--" + name.replace("_", "-")
            got = _option(options, name)
            raise BadArgsError(f"{shown} is one of {', '.join(names)}, got {got!r}")
    weights = _option(options, "restore_weights")
    if weights is not None and not Path(weights).is_file():
        raise BadArgsError(f"--restore-weights: there is no file {str(weights)!r}")
    if _option(options, "restore_page") != NONE and options.lossless_reconstruction:
        raise BadArgsError(
            "--restore-page has no effect on pages that are kept as they are; add --force-ocr, --deskew or "
            "--clean-final"
        )


@hookimpl(wrapper=True)
def filter_ocr_image(page: PageContext, image: Image.Image) -> Generator[None, Image.Image, Image.Image]:
    """Clean the image that the recogniser reads, after the filters of OCRmyPDF and of other plugins.

    Parameters
    ----------
    page : what OCRmyPDF knows of it.
    image : of the page.

    Yields
    ------
    None
        Once, for the other filters.

    Returns
    -------
    image
        Of the same size and resolution.

    Raises
    ------
    BadArgsError
        For weights and devices that cannot be used.
    """
    filtered = yield
    filtered = image if filtered is None else filtered
    found = _cleaned(page, filtered, _option(page.options, "restore_method"))
    return filtered if found is None else found


@hookimpl
def filter_page_image(page: PageContext, image_filename: Path) -> Path:
    """Clean the page that is shown, if that was asked for.

    Parameters
    ----------
    page : what OCRmyPDF knows of it.
    image_filename : of the page.

    Returns
    -------
    path
        Of a file in the same folder and format; ``image_filename`` where nothing was changed.

    Raises
    ------
    BadArgsError
        For weights and devices that cannot be used.
    """
    from PIL import Image

    method = _option(page.options, "restore_page")
    if method == NONE:
        return image_filename
    with Image.open(image_filename) as image:
        found, kind = _cleaned(page, image, method), image.format
    if found is None:
        return image_filename
    path = image_filename.with_name(f"restored{image_filename.suffix}")
    told: dict[str, Any] = {str(name): value for name, value in found.info.items()}
    if kind == "JPEG":
        told["quality"] = QUALITY
    found.save(path, format=kind, **told)
    return path


def _option(options: Any, name: str) -> Any:
    """The value of an option; of those that the Python interface of OCRmyPDF was not given, the default."""
    return getattr(options, name, DEFAULTS[name])


def _cleaned(page: PageContext, image: Image.Image, method: str) -> Image.Image | None:
    """The image of a page without noise; None where it is to stay as it is."""
    if method == NONE or image.mode == "1" or not page.pageinfo.images:
        return None
    prior = _prior_of(page.options)
    try:
        # The image that is shown is often the one that was read.
        pixels = image if image.mode in ("L", "RGB") else image.convert("RGB")
        key = (method, pixels.mode, pixels.size, hash(pixels.tobytes()))
        if getattr(_last, "key", None) != key:
            _last.key, _last.result = None, None
            _last.result = _denoised(pixels, method, prior)
            _last.key = key
    except (RestoreError, ValueError, RuntimeError, MemoryError, OSError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        log.warning("page %d is left as it is: %s", page.pageno + 1, said)
        return None
    found: Image.Image = _last.result.copy()
    found.info = {name: image.info[name] for name in ("dpi", "icc_profile") if name in image.info}
    return found


def _denoised(image: Image.Image, method: str, prior: Prior) -> Image.Image:
    from restore.tasks.denoise import denoise

    with _one_at_a_time:
        return denoise(image, method=method, prior=prior)


def _prior_of(options: Any) -> Prior:
    """The network, loaded once in a process. Raises BadArgsError, which ends the run."""
    try:
        return _loaded(
            _option(options, "restore_weights"),
            _option(options, "restore_device"),
            None if options.use_threads else options.jobs or available_cpu_count(),
        )
    except (RestoreError, TypeError, ValueError, OSError) as error:
        raise BadArgsError(str(error)) from None


@once
def _loaded(weights: str | None, device: str | None, processes: int | None) -> Prior:
    """The network. processes : that share the cores; None where pages have threads of this process."""
    # Where the parent has computed in several threads, a forked process that does so waits for ever.
    forked = multiprocessing.parent_process() is not None and "torch" in sys.modules
    import torch

    from restore.priors.checkpoint import load

    if processes is not None:
        torch.set_num_threads(1 if forked else max(1, available_cpu_count() // processes))
    return load(weights, device=device)
