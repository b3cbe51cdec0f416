"""The rows of restore itself are what users call."""

from __future__ import annotations

import pytest
import torch
from protocols_at_hand import CLEAN

from restore.errors import ConfigError
from restore.evaluation.cases import Protocol
from restore.evaluation.protocols import BicubicDown, Degraded, Gaussian, Holes, Jpeg, PoissonGaussian
from restore.evaluation.rows import own_rows
from restore.evaluation.selection import Selection
from restore.priors.backbone import Backbone
from restore.tasks import catalogue


@pytest.mark.slow
@pytest.mark.parametrize(
    "protocol",
    [Gaussian(25), Jpeg(20), BicubicDown(2), Holes("box"), Degraded(("down=2",))],
    ids=lambda p: p.name,
)
def test_own_rows_are_what_users_call(protocol: Protocol, backbone: Backbone) -> None:
    # auto leaves a picture alone where it finds no noise; with sigma it is gaussian
    methods = [m for m in catalogue.names(protocol.task) if m not in ("repaint", "auto")]
    rows = own_rows(protocol, backbone, Selection(methods=methods))
    case = protocol.apply(CLEAN)
    for row in rows:
        before = backbone.calls
        result = row.run(case.given)
        calls = backbone.calls - before
        assert result.shape == case.clean.shape, row.name
        assert torch.isfinite(result).all()
        method, estimate = row.options["method"], row.options["estimate"]
        chosen = catalogue.find(protocol.task, method, estimate)
        fewest = chosen.steps if chosen.network else 0
        assert fewest <= calls <= fewest + 9, row.name  # some begin with a conditional call
        assert row.weights == "0123456789ab"


def test_sigma_is_told_or_estimated(backbone: Backbone) -> None:
    rows = own_rows(Gaussian(25), backbone, Selection())
    assert [row.name for row in rows] == ["restore mean, gaussian", "restore mean, gaussian, sigma estimated"]
    assert [row.name for row in own_rows(PoissonGaussian(0.02), backbone, Selection())] == [
        "restore mean, gaussian", "restore mean, blind",
    ]  # fmt: skip


def test_a_sweep_varies_only_what_has_an_effect(backbone: Backbone) -> None:
    rows = own_rows(Holes("box"), backbone, Selection(sweep={"steps": (2, 4)}))
    assert [(row.name, row.sweep["steps"]) for row in rows] == [
        ("restore mean, auto", 2), ("restore sample, auto", 2),
        ("restore mean, auto", 4), ("restore sample, auto", 4),
    ]  # fmt: skip
    rows = own_rows(
        Gaussian(25), backbone, Selection(sweep={"steps": (2, 4), "estimate": ("mean", "sample")})
    )
    assert [(row.name, dict(row.sweep)) for row in rows if "estimated" not in row.name] == [
        ("restore mean, gaussian", {}),
        ("restore sample, gaussian", {"steps": 2}),
        ("restore sample, gaussian", {"steps": 4}),
    ]
    for selection, message in (
        (Selection(methods=["ddnm"], estimates=["mean"]), "--method ddnm cannot give --estimate mean"),
        (Selection(sweep={"method": ["ddnm", "blind"]}), "inpaint has no method blind; it has auto"),
        (
            Selection(methods=["conditional"], estimates=["mean"], options={"steps": 5}),
            "--steps has no effect",
        ),
        (
            Selection(estimates=["mean"], options={"sampler": "ddim"}),
            "--sampler has no effect with --estimate mean",
        ),
        (Selection(["sample"], ["repaint"], {"sampler": "langevin"}), "langevin cannot climb"),
    ):
        with pytest.raises(ConfigError, match=message):
            own_rows(Holes("box"), backbone, selection)


def test_steps_are_counted_not_believed(backbone: Backbone) -> None:
    (row,) = own_rows(Holes("box"), backbone, Selection(["mean"], ["splitting"], {"steps": 3}))
    assert row.options == {"method": "splitting", "estimate": "mean", "steps": 3}
    (sample,) = own_rows(Holes("box"), backbone, Selection(["sample"], ["splitting-ddnm"]))
    assert sample.options == {"method": "splitting-ddnm", "estimate": "sample", "steps": 24, "seed": 0}
    before = backbone.calls
    row.run(Holes("box").apply(CLEAN).given)
    assert backbone.calls - before == 3
    before = backbone.calls
    differentiable = backbone.denoiser(differentiable=True)
    x = CLEAN.clone().requires_grad_()
    differentiable(x, 0.1).sum().backward()  # computes it once more, on the way back
    assert backbone.calls - before == 1
