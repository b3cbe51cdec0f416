"""The saved state of a training run: the facts in ``state.safetensors``, beside the tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from restore.errors import ConfigError, OutputError
from restore.images.fingerprints import Fingerprints
from restore.images.outside import parse_json, shown
from restore.priors.backbone import BackboneConfig
from restore.priors.checkpoint import config_from_dict
from restore.training.state import positive, read_state, whole

MEASURED = {"steps", "crops", "minutes"}


@dataclass(frozen=True)
class RunState:
    """The facts of a saved run.

    seconds: trained so far. decays: of the averages. runs: steps, crops and minutes of this run, last, and of
    those it started from. fingerprints: of all pictures seen.
    """

    backbone: BackboneConfig
    step: int
    seconds: float
    decays: Sequence[float]
    runs: list[dict[str, float]]
    fingerprints: Fingerprints

    def metadata(self) -> dict[str, str]:
        """The facts as the metadata of a safetensors file."""
        return {
            "step": str(self.step),
            "seconds": repr(self.seconds),
            "ema": json.dumps(self.decays),
            "runs": json.dumps(self.runs),
            "backbone": json.dumps(asdict(self.backbone)),
            "fingerprints": self.fingerprints.text(),
        }

    @classmethod
    def parse(cls, metadata: Mapping[str, Any]) -> RunState:
        """The facts of such metadata. Raises KeyError, TypeError or ValueError for others."""
        decays, runs = parse_json(metadata["ema"]), parse_json(metadata["runs"])
        if not isinstance(decays, list) or not decays or not all(_is_number(d, 1) and d < 1 for d in decays):
            raise ValueError(f"expected decays from 0 up to 1, got {shown(decays)}")
        if not isinstance(runs, list) or not runs or not all(map(_is_run, runs)):
            raise ValueError(f"expected steps, crops and minutes of runs, got {shown(runs)}")
        return cls(
            backbone=config_from_dict(parse_json(metadata["backbone"])),
            step=whole(metadata["step"]),
            seconds=positive(metadata["seconds"]),
            decays=[float(decay) for decay in decays],
            runs=runs,
            fingerprints=Fingerprints.parse(metadata["fingerprints"]),
        )


def prepare_folder(out: Path, *, fresh: bool) -> None:
    """Make the folder of a run; fresh: for a new one. Raises OutputError, and ConfigError for another run."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot make the run's folder ({error.strerror})") from None
    if fresh and (out / "state.safetensors").exists():
        raise ConfigError(f"{out} holds a run already: go on with --resume, or name another run.out")


def stopped_at(step: int, saved: int | None, out: Path) -> str:
    """What is told of a run that was interrupted: what is saved, and how to go on.

    saved: the step of the state in the run's folder, None where there is none.

    Examples
    --------
    >>> stopped_at(0, None, Path("run"))
    'stopped at step 0; nothing was saved'
    """
    how = f"run the same command with --resume to go on from {out / 'state.safetensors'}"
    if saved is None:
        return f"stopped at step {step}; nothing was saved"
    if saved == step:
        return f"stopped at step {step}; nothing is lost: {how}"
    return f"stopped at step {step}, which was not saved; {how}, of step {saved}"


def _is_number(value: Any, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


def _is_run(run: Any) -> bool:
    """Whether these are the steps, crops and minutes of a run."""
    return isinstance(run, dict) and run.keys() == MEASURED and all(_is_number(n, 1e18) for n in run.values())


def read_run(path: Path, backbone: BackboneConfig) -> tuple[RunState, dict[str, Tensor]]:
    """The saved state of a run, and its tensors.

    Raises ConfigError where there is none, a damaged one, or one of another backbone.
    """
    saved, tensors = read_state(path, RunState.parse)
    if saved.backbone != backbone:
        raise ConfigError(f"{path} was trained as {saved.backbone}, the configuration says {backbone}")
    return saved, tensors
