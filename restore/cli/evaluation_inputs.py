"""What an evaluation computes with: networks, metrics, and the pictures that networks were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.cli.evaluation_reporter import EvaluationReporter
from restore.cli.prior_loader import load_backbone, usable
from restore.errors import ConfigError, WeightsError
from restore.evaluation.columns import TRUNKS, metrics_of

if TYPE_CHECKING:
    from restore.evaluation.scoring import Scorer
    from restore.images.fingerprints import Fingerprints
    from restore.images.perceptual import Lpips
    from restore.priors.backbone import Backbone
    from restore.priors.protocol import Prior


def networks_of(options: Mapping[str, Any]) -> dict[str, Backbone]:
    """The networks by the names of their rows. Raises ConfigError and WeightsError."""
    files: dict[str, Path | None] = {"restore": options["weights"]} if options["own"] else {}
    for path in options["against"]:
        if path.stem in files:
            raise ConfigError(f"--against {path}: there are rows called {path.stem} already; rename it")
        files[path.stem] = path
    shared = (options["device"], options["precision"], options["tile"], options["ensemble"])
    return {name: load_backbone(path, *shared) for name, path in files.items()}


def training_pictures(
    networks: Mapping[str, Prior], folders: Sequence[Path], reporter: EvaluationReporter
) -> dict[str, Fingerprints]:
    """Fingerprints of the pictures that no test picture may look like, by whose they are."""
    from restore.evaluation.pictures import fingerprints_of, printable
    from restore.images.fingerprints import Fingerprints

    known = {f"in {printable(folder.resolve().name)}": fingerprints_of(folder) for folder in folders}
    for name, network in networks.items():
        whose = "the weights" if name == "restore" else name
        text = network.facts.get("fingerprints")
        if text is None:
            reporter.note(
                f"{whose} carry no fingerprints of their training pictures; whether a test picture was "
                "among them cannot be checked"
            )
            continue
        try:
            known[f"in the training data of {whose}"] = Fingerprints.parse(text)
        except ValueError as error:
            raise WeightsError(f"the fingerprints of {whose} cannot be read: {error}") from None
    return known


def scorer_of(
    task: str, options: Mapping[str, Any], reporter: EvaluationReporter
) -> tuple[Scorer, dict[str, Lpips]]:
    """(the scorer with all metrics that were asked for or can be measured, LPIPS by its trunk)."""
    from restore.evaluation.scoring import Scorer

    only = options["metrics"] or ()
    files = dict(_trunk_files(options["trunk_files"]))
    named = bool(options["trunks"] or files)
    if only and "lpips" not in only and named:
        raise click.UsageError("--lpips and --lpips-trunk have no effect without lpips in --metrics")
    trunks = options["trunks"] or tuple(files) or ("squeeze",)
    if only and "lpips" not in only:
        trunks = ()
    nets = {}
    for trunk in trunks:
        try:
            nets[trunk] = _lpips(files.get(trunk), trunk, device_of(options))
        except WeightsError as error:
            if named or "lpips" in only:
                raise WeightsError(f"{error}; without it all other metrics can be measured") from None
            reporter.note("LPIPS is not measured, everything else is", f": {error}")
    return Scorer(metrics_of(task, list(nets), only), nets), nets


def _lpips(file: str | None, trunk: Any, device: str) -> Lpips:
    from restore.images.perceptual import Lpips

    return Lpips(file, trunk).to(device)


def _trunk_files(values: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(trunk, file) of each ``[NET=]FILE``."""
    for value in values:
        name, equals, path = value.partition("=")
        if not equals:
            name, path = "squeeze", value
        if name not in TRUNKS:
            raise click.UsageError(f"--lpips-trunk {value}: expected one of {', '.join(TRUNKS)} before =")
        yield name, path


def device_of(options: Mapping[str, Any]) -> str:
    """Where peers and metrics are computed: `restore eval compare` has no such option and takes the CPU."""
    from restore.priors.device import best_device

    name = options.get("device", "cpu")
    return best_device() if name == "auto" else usable(name)
