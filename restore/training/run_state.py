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
from restore.priors.backbone import BackboneConfig
from restore.priors.checkpoint import config_from_dict
from restore.training.state import read_state


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
        return cls(
            backbone=config_from_dict(json.loads(metadata["backbone"])),
            step=int(metadata["step"]),
            seconds=float(metadata["seconds"]),
            decays=[float(decay) for decay in json.loads(metadata["ema"])],
            runs=json.loads(metadata["runs"]),
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


def read_run(path: Path, backbone: BackboneConfig) -> tuple[RunState, dict[str, Tensor]]:
    """The saved state of a run, and its tensors.

    Raises ConfigError where there is none, a damaged one, or one of another backbone.
    """
    saved, tensors = read_state(path, RunState.parse)
    if saved.backbone != backbone:
        raise ConfigError(f"{path} was trained as {saved.backbone}, the configuration says {backbone}")
    return saved, tensors
