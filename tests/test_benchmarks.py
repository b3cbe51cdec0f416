"""The benchmarks print what they have measured and nothing else, and docs/measured.md states nothing else."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from restore.errors import RestoreError
from restore.evaluation.columns import METRICS
from restore.evaluation.results import Row, Scored, Table
from restore.priors.checkpoint import load
from restore.training.config import read_config

ROOT = Path(__file__).parents[1]


def script(name: str) -> ModuleType:
    """A script of benchmarks/, which is no part of the package."""
    folder = ROOT / "benchmarks"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def readme() -> ModuleType:
    return script("readme")


@pytest.fixture(scope="module")
def guard() -> ModuleType:
    return script("guard")


def row(name: str, psnr: float | None, *, pictures: int = 2) -> Row:
    found = Row(name, "restore")
    found.pictures = [Scored(f"{k}.png", {"psnr": psnr, "ssim": 0.5}, 1.25, 1.0, 3) for k in range(pictures)]
    return found


def table(*rows: Row) -> Table:
    metrics = [METRICS["psnr"], METRICS["ssim"]]
    return Table("denoise", "set", "hash", "gaussian", "Words.", None, "", "", metrics, list(rows), count=2)


def test_cells_come_from_the_tables(readme: ModuleType) -> None:
    first = table(row("restore mean, x", 30), row("Telea", 31.5))
    second = table(row("restore mean, x", 29))
    lines = readme.grid([("A", first), ("B", second)], ["restore mean", "Telea"], ("psnr", "ssim"), first)
    assert lines[0] == "| | A | B | s / picture | network calls |"
    assert lines[2] == (
        "| **restore** `--estimate mean` | 30.00 / **.5000** | **29.00** / **.5000** | 1.25 | 3 |"
    )
    assert lines[3] == "| Telea | **31.50** / .5000 |  | 1.25 | 3 |"


@pytest.mark.parametrize(
    "broken",
    [row("restore mean, x", None), row("restore mean, x", 30, pictures=1)],
    ids=["no score", "a part"],
)
def test_what_was_not_measured_is_not_printed(readme: ModuleType, broken: Row) -> None:
    with pytest.raises(readme.NotMeasuredError, match="restore mean, x has no psnr"):
        readme.number(table(broken), broken, "psnr")
    with pytest.raises(readme.NotMeasuredError):
        readme.grid([("A", table(broken))], ["restore mean"], ("psnr",), table(broken))


def test_a_row_must_be_the_one_that_was_meant(readme: ModuleType) -> None:
    both = table(row("restore mean, x", 30), row("restore mean, y", 31))
    with pytest.raises(readme.NotMeasuredError, match="restore mean names 2 rows"):
        readme.row_of(both, "restore mean")
    assert readme.row_of(both, "restore mean, y").mean("psnr") == 31
    assert readme.row_of(both, "BM3D") is None
    with pytest.raises(readme.NotMeasuredError, match="a picture that could not be read"):
        readme._refuse("a picture that could not be read")


def test_the_readme_is_replaced_between_its_marks(readme: ModuleType) -> None:
    old = f"before\n{readme.START}\nold \\1 numbers\n{readme.END}\nafter\n"
    assert readme.written(old, "new \\1") == f"before\n{readme.START}\nnew \\1\n{readme.END}\nafter\n"
    for text in ("nothing", old + old):
        with pytest.raises(readme.NotMeasuredError, match="once"):
            readme.written(text, "new")


def test_one_part_of_the_readme_is_replaced_alone(readme: ModuleType) -> None:
    parts = "head\n\n**One**, old\n\n| t |\n\n**Two**, old\n| u |"
    text = f"a\n{readme.START}\n{parts}\n{readme.END}\nb **Two** c\n"
    found = readme.written_part(text, "**Two**, new \\1\n\n| v |")
    assert found == text.replace("**Two**, old\n| u |", "**Two**, new \\1\n\n| v |")
    found = readme.written_part(text, "**One**, new")
    assert found == text.replace("**One**, old\n\n| t |", "**One**, new")
    with pytest.raises(readme.NotMeasuredError, match="expected a part Three once"):
        readme.written_part(text, "**Three**, new")


def test_the_measured_numbers_are_of_the_shipped_weights(readme: ModuleType) -> None:
    text = (ROOT / "docs" / "measured.md").read_text(encoding="utf-8")
    part = text.split(readme.START)[1].split(readme.END)[0]
    (digest,) = set(re.findall(r"weights `([0-9a-f]{12})`", part))
    assert load(device="cpu").facts["sha256"].startswith(digest)


@pytest.mark.slow
def test_the_peers_are_what_restore_eval_loads(tmp_path: Path) -> None:
    """FFDNet's and VDSR's graphs on weights that make them known functions."""
    import numpy as np
    import torch

    from restore.evaluation.cases import Given
    from restore.evaluation.peers import peer_method

    shapes = [(96, 13)] + [(96, 96)] * 10 + [(12, 96)]
    arrays = {f"w{k}": np.zeros((*shape, 3, 3), np.float32) for k, shape in enumerate(shapes)}
    arrays |= {f"b{k}": np.zeros(shape[0], np.float32) for k, shape in enumerate(shapes)}
    arrays["b11"] = np.arange(12, dtype=np.float32) / 12
    np.savez(tmp_path / "ffdnet.npz", **arrays)
    peer = peer_method(f"{ROOT / 'benchmarks' / 'peers.py'}:ffdnet:{tmp_path / 'ffdnet.npz'}", "cpu")
    found = peer.run(Given(torch.rand(1, 3, 5, 7), sigma=25.0))
    assert found.shape == (1, 3, 5, 7)
    # Plane 4c + 2x + y of the answer is pixel (y, x) of each cell of channel c.
    expected = (
        torch.tensor([[[4 * c + 2 * x + y for x in range(2)] for y in range(2)] for c in range(3)]) / 12
    )
    torch.testing.assert_close(found[0, :, :2, :2], expected)
    with pytest.raises(ValueError, match="must be told sigma"):
        peer.run(Given(torch.rand(1, 3, 4, 4)))

    weights = {f"w{k}": np.zeros((64 if k < 19 else 1, 64 if k else 1, 3, 3), np.float32) for k in range(20)}
    np.savez(tmp_path / "vdsr.npz", **weights)
    peer = peer_method(f"{ROOT / 'benchmarks' / 'peers.py'}:vdsr:{tmp_path / 'vdsr.npz'}", "cpu")
    flat = torch.full((1, 3, 6, 5), 0.5)
    found = peer.run(Given(flat, scale=3))
    assert found.shape == (1, 3, 18, 15)
    torch.testing.assert_close(found, torch.full_like(found, 0.5))  # a network of zeros adds no detail


@pytest.mark.parametrize("name", ["ablations.toml", "losses.toml"])
def test_every_variant_is_a_sound_configuration(name: str) -> None:
    variants = tomllib.loads((ROOT / "benchmarks" / name).read_text(encoding="utf-8"))
    common, seen = variants.pop("*", []), set()
    assert len(variants) > 10
    for changes in variants.values():
        config = read_config(ROOT / "configs" / "cpu.toml", changes=[*common, *changes], steps=1)
        seen.add(repr(config))
    assert len(seen) == len(variants)


def test_cells_have_the_scores_of_what_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    ablate = script("ablate")
    psnr = {key: 20.0 + number for number, key in enumerate(ablate.validation.TASK)}
    more = {metric: dict.fromkeys(psnr, 0.25) for metric in ("ssim", "lpips")}
    monkeypatch.setattr(ablate.validation, "measure", lambda *_: (psnr, None))
    monkeypatch.setattr(ablate.validation, "measure_pictures", lambda *_: more)
    backbone = SimpleNamespace(facts={"mix": {"unconditional": 0, "upscale": 1, "inpaint": 1, "denoise": 0}})
    assert ablate.cells_of(backbone, None, None)[3:] == ["23.00", "24.00", "25.00", "23.50"]
    cells = ablate.cells_of(backbone, None, object())
    assert cells == [*[""] * 3, "23.00 / .2500 / .2500", "24.00 / .2500 / .2500", "", "23.50"]


def judged(name: str, scores: list[float], key: str = "psnr") -> Row:
    found = Row(name, "restore")
    found.pictures = [
        Scored(f"{k}.png", {key: score, "colour": 0.25}, 1.0, 1.0, 1) for k, score in enumerate(scores)
    ]
    return found


def both(old: list[float], new: list[float], *, estimate: str = "mean", key: str = "psnr") -> Table:
    rows = [judged(f"old {estimate}, gaussian", old, key), judged(f"new {estimate}, gaussian", new, key)]
    metrics = [METRICS[key], METRICS["colour"]]
    return Table("denoise", "set", "hash", "gaussian", "Words.", None, "", "", metrics, rows, count=len(old))


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        ([30.1, 20.1, 25.1], "better"),
        ([30.0, 20.0, 25.0], "as good"),
        ([29.99, 19.99, 24.99], "as good"),  # less than what is allowed
        ([29.9, 19.9, 24.9], "worse"),
        ([31.0, 20.0, 24.4], "unclear"),  # 0.13 dB more, but within two standard errors
        ([29.0, 20.0, 25.6], "unclear"),
        ([30.01, 20.01, 24.99], "as good"),  # surely no loss that counts
    ],
)
def test_the_guard_judges_paired_differences(guard: ModuleType, new: list[float], verdict: str) -> None:
    (found,) = guard.compared(both([30.0, 20.0, 25.0], new))
    assert found.verdict == verdict
    assert found.gain == pytest.approx(sum(new) / 3 - 25)
    assert f"| {verdict} | 0.25 -> 0.25 |" in str(found)


def test_the_guard_judges_samples_by_lpips_where_less_is_better(guard: ModuleType) -> None:
    key = "lpips_squeeze"
    (found,) = guard.compared(both([0.2, 0.3], [0.19, 0.29], estimate="sample", key=key))
    assert (found.key, found.verdict) == (key, "better")
    assert found.gain == pytest.approx(0.01)
    (found,) = guard.compared(both([0.2, 0.3], [0.21, 0.31], estimate="sample", key=key))
    assert found.verdict == "worse"


def test_the_guard_leaves_out_what_was_trained_on(guard: ModuleType) -> None:
    pair = both([30.0, 20.0, 25.0], [30.1, 20.1, 15.0])
    pair.overlaps["2.png"] = "old"
    (found,) = guard.compared(pair)
    assert found.verdict == "better"
    assert found.old == 25


def test_the_guard_compares_all_pictures_or_none(guard: ModuleType) -> None:
    pair = both([30.0, 20.0], [30.1, 20.1])
    pair.rows[1].pictures[0].scores["psnr"] = None
    with pytest.raises(RestoreError, match="new mean, gaussian must have a psnr of every picture"):
        list(guard.compared(pair))
    with pytest.raises(RestoreError, match="and of two at least"):
        list(guard.compared(both([30.0], [31.0])))


@pytest.mark.parametrize(
    ("gains", "may"),
    [
        ([0.1, 0.1, 0.0], True),
        ([0.1, 0.0, 0.0], False),  # better at a third only
        ([0.1, 0.1, 0.1, -0.1], False),
    ],
)
def test_weights_are_replaced_by_better_ones(guard: ModuleType, gains: list[float], may: bool) -> None:
    pairs = [both([30.0, 20.0], [30.0 + gain, 20.0 + gain]) for gain in gains]
    assert guard.may_replace([each for pair in pairs for each in guard.compared(pair)]) == may


def test_an_unclear_row_keeps_the_old_weights(guard: ModuleType) -> None:
    pairs = [both([30.0, 20.0], [30.1, 20.1])] * 3 + [both([30.0, 20.0], [31.0, 19.5])]
    assert not guard.may_replace([each for pair in pairs for each in guard.compared(pair)])


# --- training in slots ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slot() -> ModuleType:
    return script("slot")


def test_the_speed_of_a_slot_is_that_of_its_first_quarter_of_a_minute(
    slot: ModuleType, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    assert slot.rate(log) is None
    rows = ["step,minutes,crops,lr", "20,0.50,5120,1e-4", "40,0.60,10240,2e-4", "60,0.75,8120,3e-4"]
    for count in (1, 2, 3):
        log.write_text("\n".join(rows[:count]) + "\n80,0.9")
        assert slot.rate(log) is None
    log.write_text("\n".join(rows))
    assert slot.rate(log) == pytest.approx((8120 - 5120) / 15)


def test_weights_travel_in_pieces(slot: ModuleType, tmp_path: Path) -> None:
    weights, out = tmp_path / "weights.safetensors", tmp_path / "out"
    weights.write_bytes(bytes(range(256)) * 10)
    out.mkdir()
    assert [part.stat().st_size for part in slot.split(weights, out, piece=1000)] == [1000, 1000, 560]
    slot.join(out, tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == weights.read_bytes()
    with pytest.raises(RestoreError, match=r"expected weights\.safetensors\.00"):
        slot.join(tmp_path, tmp_path / "other")
