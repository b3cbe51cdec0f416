"""Evaluation: protocols damage as they say, tables hold what was measured, nothing is averaged in silence."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scenes import scene
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from restore.errors import ConfigError, ImageError, WeightsError
from restore.evaluation import holes, metrics, tables
from restore.evaluation.baselines import baselines
from restore.evaluation.compare import compare
from restore.evaluation.measure import measure
from restore.evaluation.peers import peer_method
from restore.evaluation.pictures import Picture, PictureSet, fingerprints_of
from restore.evaluation.protocols import (
    BicubicDown,
    Case,
    Degraded,
    Gaussian,
    Given,
    Holes,
    Jpeg,
    PoissonGaussian,
    Protocol,
    from_bytes,
    rounded,
    to_bytes,
)
from restore.evaluation.results import Evaluation, Method, Row, Scored, Table
from restore.evaluation.rows import STEPS, Asked, floor_methods, own_methods
from restore.evaluation.scoring import METRICS, Scorer, metrics_of
from restore.images.fingerprints import Fingerprints, fingerprint
from restore.inverse.build import kernel_of
from restore.inverse.operators import Gray, Resize
from restore.inverse.spec import parse_spec, size_before
from restore.priors.backbone import Backbone
from restore.testing import tiny_prior

ALL: list[Protocol] = [
    Gaussian(25),
    Gaussian(25, quantised=True),
    PoissonGaussian(0.02),
    Jpeg(20),
    BicubicDown(2),
    BicubicDown(4),
    Degraded(("blur=gaussian:1.2", "down=2")),
    Degraded(("blur=motion:9:20",), sigma=2),
    *(Holes(family) for family in holes.FAMILIES),
]
OWN: list[Protocol] = [Gaussian(25), Jpeg(20), BicubicDown(2), Holes("box"), Degraded(("down=2",))]
CLEAN = from_bytes(scene(0, 70, 94))


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return tiny_prior(sha256="0123456789abcdef")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of different sizes."""
    (tmp_path / "set").mkdir()
    for name, size in (("a2.png", (60, 72)), ("a10.png", (64, 64)), ("b.png", (81, 57))):
        Image.fromarray(scene(len(name) + size[0], *size)).save(tmp_path / "set" / name)
    return tmp_path / "set"


# ------------------------------------------------------------------------------------------ protocols


@pytest.mark.parametrize("protocol", ALL, ids=lambda p: p.name)
def test_a_protocol_does_the_same_every_time(protocol: Protocol) -> None:
    once, again = protocol.apply(CLEAN), protocol.apply(CLEAN.clone())
    torch.testing.assert_close(once.given.image, again.given.image, rtol=0, atol=0)
    assert once.given.image.shape[1] == 3
    if protocol.as_file:
        levels = once.given.image * 255
        torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
        assert 0 <= levels.min() <= levels.max() <= 255.0001
    else:
        assert once.given.image.min() < 0 < 1 < once.given.image.max()
    assert not torch.equal(once.given.image, once.clean)
    assert protocol.words.endswith(("told", "grey", "bits", "quantised", "disk is"))
    assert protocol.task in STEPS


def test_gaussian_noise_is_the_papers() -> None:
    """Seed 0 before each picture, drawn as (h, w, 3): by NumPy's global functions, as their code does it."""
    state = np.random.get_state()
    np.random.seed(seed=0)
    expected = CLEAN[0].permute(1, 2, 0).double().numpy()
    expected = expected + np.random.normal(0, 25 / 255.0, expected.shape)
    np.random.set_state(state)
    found = Gaussian(25).apply(CLEAN).given
    np.testing.assert_allclose(found.image[0].permute(1, 2, 0).numpy(), expected, atol=1e-6)
    assert found.sigma == 25
    clipped = Gaussian(25, quantised=True).apply(CLEAN).given.image
    torch.testing.assert_close(clipped, rounded(found.image))


def test_poisson_gaussian_noise_grows_with_the_signal() -> None:
    clean = torch.full((1, 3, 64, 128), 0.2)
    clean[..., 64:] = 0.6
    noise = PoissonGaussian(0.01, read=5).apply(clean).given.image - clean
    for part, level in ((noise[..., :64], 0.2), (noise[..., 64:], 0.6)):
        assert part.var().item() == pytest.approx(0.01 * level + (5 / 255) ** 2, rel=0.05)
        assert abs(part.mean().item()) < 0.003


def test_jpeg_is_pillow_s() -> None:
    file = io.BytesIO()
    Image.fromarray(to_bytes(CLEAN)).save(file, "JPEG", quality=20, subsampling="4:2:0")
    with Image.open(file) as picture:
        expected = np.asarray(picture)
    np.testing.assert_array_equal(to_bytes(Jpeg(20).apply(CLEAN).given.image), expected)


def test_degraded_pictures_are_what_their_operator_makes_of_them() -> None:
    """Of a blur only what it did not look beyond the edge for; nothing is scored that is not given."""
    case = Degraded(("blur=motion:7:20",)).apply(CLEAN)
    kernel = kernel_of(parse_spec("blur=motion:7:20"))
    (kh, kw), pixels = kernel.shape, CLEAN[0].double().numpy()
    inside = (slice(kh // 2, pixels.shape[1] - kh // 2), slice(kw // 2, pixels.shape[2] - kw // 2))
    expected = [ndimage.convolve(plane, kernel.numpy())[inside] for plane in pixels]
    assert np.abs(case.given.image[0].numpy() - np.stack(expected)).max() < 0.6 / 255
    torch.testing.assert_close(case.clean, CLEAN[..., inside[0], inside[1]])
    gray = Degraded(("down=2", "gray"), sigma=5).apply(CLEAN)
    assert gray.given.image.shape[-2:] == (35, 47)
    assert gray.clean.shape[-2:] == (70, 94)
    assert (gray.given.image == gray.given.image[:, :1]).all()
    luma = Gray((35, 47)).forward(Resize((70, 94), (35, 47)).forward(CLEAN))
    noise = gray.given.image[:, :1] - luma
    assert noise.std().item() == pytest.approx(5 / 255, rel=0.1)
    assert gray.given.sigma == 5
    odd = Degraded(("area=1.7",)).apply(CLEAN)
    assert odd.clean.shape[-2:] == tuple(round(1.7 * side) for side in odd.given.image.shape[-2:])
    assert min(CLEAN.shape[-2] - odd.clean.shape[-2], CLEAN.shape[-1] - odd.clean.shape[-1]) in (0, 1)
    with pytest.raises(ValueError, match="94x70 pixels are too few"):
        Degraded(("blur=gaussian:30",)).apply(CLEAN)


def test_bicubic_down_is_matlab_s(shared_data: Path) -> None:
    """The published numbers of bicubic on Set5 x4 hold only for antialiased reduction: 28.43 dB, .811."""
    pictures = PictureSet.of(shared_data / "test" / "set5")
    methods = [m for m in floor_methods(BicubicDown(4)) if m.name == "Pillow bicubic"]
    table = measure(pictures, BicubicDown(4), methods, Scorer(metrics_of("upscale", []), {}))
    assert table.rows[0].mean("psnr_y") == pytest.approx(28.43, abs=0.01)
    assert table.rows[0].mean("ssim_y") == pytest.approx(0.811, abs=0.001)


def test_bicubic_down_crops_to_whole_cells() -> None:
    case = BicubicDown(4).apply(CLEAN)
    assert case.clean.shape == (1, 3, 68, 92)
    assert case.given.image.shape == (1, 3, 17, 23)
    assert case.given.scale == 4
    assert BicubicDown(4).border == 4
    with pytest.raises(ValueError, match="3x70 pixels cannot be reduced 4 times"):
        BicubicDown(4).apply(CLEAN[..., :3])


@pytest.mark.parametrize("family", holes.FAMILIES)
def test_holes_are_drawn_for_each_picture(family: str) -> None:
    case = Holes(family).apply(CLEAN)
    hole = case.given.hole
    assert hole is not None
    assert hole.shape == (1, 1, 70, 94)
    assert set(hole.unique().tolist()) == {0, 1}
    inside = hole.expand(-1, 3, -1, -1) > 0
    torch.testing.assert_close(case.given.image[~inside], CLEAN[~inside], rtol=0, atol=1e-6)
    assert (case.given.image[inside] == 128 / 255).all()
    other = Holes(family, seed=1).apply(CLEAN).given.hole
    regular = family in ("half", "expand", "alternate-lines", "grid2x")
    assert torch.equal(hole, other if other is not None else hole[:0]) == regular


@pytest.mark.parametrize(
    ("family", "share"),
    [("half", 0.5), ("expand", 15 / 16), ("alternate-lines", 0.5), ("grid2x", 0.75), ("box", 1 / 16)],
)
def test_holes_have_their_papers_shares(family: str, share: float) -> None:
    assert holes.draw(family, (128, 128), 0, b"x").mean() == pytest.approx(share, abs=1e-9)
    assert holes.draw("random", (128, 128), 0, b"x").mean() == pytest.approx(0.5, abs=0.02)


def test_known_pixels_are_where_the_papers_have_them() -> None:
    assert not holes.draw("alternate-lines", (16, 16), 0, b"")[0].any()
    assert not holes.draw("grid2x", (16, 16), 0, b"")[::2, ::2].any()
    assert not holes.draw("expand", (64, 64), 0, b"")[24:40, 24:40].any()
    assert not holes.draw("half", (16, 16), 0, b"")[:, :8].any()


def test_holes_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match=r"family is one of strokes-narrow, .*; got 'ring'"):
        Holes("ring")
    with pytest.raises(ValueError, match="at least 16x16 pixels, got 15x40"):
        holes.draw("box", (40, 15), 0, b"")


# ----------------------------------------------------------------------------------------------- sets


def test_a_set_is_read_in_natural_order(folder: Path) -> None:
    names = [p.name for p in PictureSet.of(folder).read() if isinstance(p, Picture)]
    assert names == ["a2.png", "a10.png", "b.png"]
    crops = [p for p in PictureSet.of(folder, crop=57, limit=2).read() if isinstance(p, Picture)]
    assert [p.clean.shape for p in crops] == [(1, 3, 57, 57)] * 2


def test_a_list_names_the_pictures(folder: Path, tmp_path: Path) -> None:
    listed = tmp_path / "mine.txt"
    listed.write_text("b.png\n\na2.png\n")
    chosen = PictureSet.of(folder, listed=listed)
    assert [path.name for path in chosen.files] == ["b.png", "a2.png"]
    assert chosen.name == "mine"
    listed.write_text("b.png\nc.png\n")
    with pytest.raises(ConfigError, match=r"1 of its names are not in .*: c\.png"):
        PictureSet.of(folder, listed=listed)
    listed.write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        PictureSet.of(folder, listed=listed)
    listed.write_bytes("\ufeffb.png\r\na2.png\r\n".encode())
    assert [path.name for path in PictureSet.of(folder, listed=listed).files] == ["b.png", "a2.png"]
    for text, message in (
        ("a2.png\na2.png", r"are there twice: a2\.png"),
        ("../set/a2.png", r"lead out of it: \.\./set/a2\.png"),
        (str(folder / "b.png"), "lead out of it: /"),
    ):
        listed.write_text(text)
        with pytest.raises(ConfigError, match=message):
            PictureSet.of(folder, listed=listed)
    with pytest.raises(ConfigError, match="cannot read the list"):
        PictureSet.of(folder, listed=tmp_path / "none.txt")


def test_pictures_that_were_trained_on_are_marked(folder: Path) -> None:
    with Image.open(folder / "b.png") as picture:
        seen = Fingerprints([fingerprint(np.asarray(picture))])
    overlaps = {
        p.name: p.overlap
        for p in PictureSet.of(folder, known={"in training": seen}).read()
        if isinstance(p, Picture)
    }
    assert overlaps == {"a2.png": "", "a10.png": "", "b.png": "in training"}
    assert len(fingerprints_of(folder)) == 3


def test_a_crop_of_a_picture_that_was_trained_on_is_marked_too(folder: Path) -> None:
    known = {"in training": fingerprints_of(folder)}
    crops = [p for p in PictureSet.of(folder, known=known, crop=32).read() if isinstance(p, Picture)]
    assert [p.overlap for p in crops] == ["in training"] * 3


def test_bsds_val_is_found_by_a_list_that_holds_it(shared_data: Path) -> None:
    """What the field's contamination is: CBSD68, BSD300 test and BSD100 are all BSDS500 val."""
    bsds = shared_data / "test" / "bsd300_test"
    known = {"in BSDS500 val": fingerprints_of(bsds)}
    chosen = PictureSet.of(bsds, listed=shared_data / "test" / "cbsd68.txt", limit=12, crop=128, known=known)
    overlaps = [p.overlap for p in chosen.read() if isinstance(p, Picture)]
    assert overlaps == ["in BSDS500 val"] * 12
    kodak = PictureSet.of(shared_data / "test" / "kodak24", limit=6, known=known)
    assert [p.overlap for p in kodak.read() if isinstance(p, Picture)] == [""] * 6


# -------------------------------------------------------------------------------------------- methods


@pytest.mark.parametrize("protocol", ALL, ids=lambda p: p.name)
def test_every_baseline_gives_a_better_picture(protocol: Protocol) -> None:
    case = protocol.apply(CLEAN)
    for name, run in baselines(protocol).items():
        if name == "BM3D":
            continue
        result = run(case.given)
        assert result.shape == case.clean.shape, name
        assert result.dtype == torch.float32, name
        error = (rounded(result) - case.clean).square().mean()
        if case.given.image.shape != case.clean.shape:
            assert error < 0.005, name
        elif name != "the damaged picture":
            # Nothing classical fills half a picture better than mid-grey does; wavelets do little for
            # what is not white noise.
            far = protocol.name in ("hole half", "hole expand") or "wavelet" in name
            damage = (rounded(case.given.image) - case.clean).square().mean()
            assert error < (4 if far else 0.99) * damage, name


@pytest.mark.parametrize(
    "protocol",
    [Gaussian(25), Jpeg(20), BicubicDown(2), Holes("box"), Degraded(("down=2",))],
    ids=lambda p: p.name,
)
def test_own_rows_are_what_users_call(protocol: Protocol, backbone: Backbone) -> None:
    # auto leaves a picture alone where it finds no noise; with sigma it is gaussian
    methods = [m for m, _ in STEPS[protocol.task] if m not in ("repaint", "auto")]
    rows = own_methods(protocol, backbone, Asked(methods=methods))
    case = protocol.apply(CLEAN)
    for row in rows:
        before = backbone.calls
        result = row.run(case.given)
        calls = backbone.calls - before
        assert result.shape == case.clean.shape, row.name
        assert torch.isfinite(result).all()
        method, estimate = row.options["method"], row.options["estimate"]
        fewest = STEPS[protocol.task][method, estimate]
        assert fewest <= calls <= fewest + 9, row.name  # some begin with a conditional call
        assert row.weights == "0123456789ab"


def test_sigma_is_told_or_estimated(backbone: Backbone) -> None:
    rows = own_methods(Gaussian(25), backbone, Asked())
    assert [row.name for row in rows] == ["restore mean, gaussian", "restore mean, gaussian, sigma estimated"]
    assert [row.name for row in own_methods(PoissonGaussian(0.02), backbone, Asked())] == [
        "restore mean, gaussian", "restore mean, blind",
    ]  # fmt: skip


def test_a_sweep_varies_only_what_has_an_effect(backbone: Backbone) -> None:
    rows = own_methods(Holes("box"), backbone, Asked(sweep={"steps": (2, 4)}))
    assert [(row.name, row.sweep["steps"]) for row in rows] == [
        ("restore mean, alternating", 2), ("restore sample, alternating", 2),
        ("restore mean, alternating", 4), ("restore sample, alternating", 4),
    ]  # fmt: skip
    rows = own_methods(Gaussian(25), backbone, Asked(sweep={"steps": (2, 4), "estimate": ("mean", "sample")}))
    assert [(row.name, dict(row.sweep)) for row in rows if "estimated" not in row.name] == [
        ("restore mean, gaussian", {}),
        ("restore sample, gaussian", {"steps": 2}),
        ("restore sample, gaussian", {"steps": 4}),
    ]
    for asked, message in (
        (Asked(methods=["ddnm"], estimates=["mean"]), "--method ddnm cannot give --estimate mean"),
        (Asked(sweep={"method": ["ddnm", "blind"]}), "inpaint has no method blind; it has alternating"),
        (Asked(methods=["conditional"], estimates=["mean"], options={"steps": 5}), "--steps has no effect"),
        (
            Asked(estimates=["mean"], options={"sampler": "ddim"}),
            "--sampler has no effect with --estimate mean",
        ),
        (Asked(["sample"], ["repaint"], {"sampler": "langevin"}), "langevin cannot climb"),
    ):
        with pytest.raises(ConfigError, match=message):
            own_methods(Holes("box"), backbone, asked)


def test_steps_are_counted_not_believed(backbone: Backbone) -> None:
    (row,) = own_methods(Holes("box"), backbone, Asked(["mean"], ["splitting"], {"steps": 3}))
    assert row.options == {"method": "splitting", "estimate": "mean", "steps": 3}
    (sample,) = own_methods(Holes("box"), backbone, Asked(["sample"], ["ddnm"]))
    assert sample.options == {"method": "ddnm", "estimate": "sample", "steps": 24, "seed": 0}
    before = backbone.calls
    row.run(Holes("box").apply(CLEAN).given)
    assert backbone.calls - before == 3
    before = backbone.calls
    differentiable = backbone.denoiser(differentiable=True)
    x = CLEAN.clone().requires_grad_()
    differentiable(x, 0.1).sum().backward()  # computes it once more, on the way back
    assert backbone.calls - before == 1


def test_a_peer_is_a_function_of_a_file(tmp_path: Path) -> None:
    code = tmp_path / "mine.py"
    code.write_text(
        "def gray(path, device):\n"
        "    level = float(path.read_text())\n"
        "    return lambda given: given.image * 0 + level\n"
        "def plain(device):\n"
        "    return lambda given: given.image\n"
    )
    (tmp_path / "w.txt").write_text("0.25")
    peer = peer_method(f"Mine={code}:gray:{tmp_path / 'w.txt'}", "cpu")
    assert (peer.name, peer.kind, len(peer.weights)) == ("Mine", "peer", 12)
    assert (peer.run(Given(CLEAN)) == 0.25).all()
    assert peer_method(f"{code}:plain", "cpu").name == "plain"
    (tmp_path / "beside.py").write_text("LEVEL = 0.5\n")
    (tmp_path / "typed.py").write_text(
        "from __future__ import annotations\nimport dataclasses\nfrom beside import LEVEL\n"
        "@dataclasses.dataclass\nclass A:\n    x: int = 0\n"
        "def f(device):\n    return lambda given: given.image * 0 + LEVEL\n"
    )
    assert (peer_method(f"{tmp_path / 'typed.py'}:f", "cpu").run(Given(CLEAN)) == 0.5).all()
    (tmp_path / "wrong.py").write_text("def f(\n")
    with pytest.raises(ConfigError, match=r"wrong.py cannot be loaded \(SyntaxError"):
        peer_method(f"{tmp_path / 'wrong.py'}:f", "cpu")
    with pytest.raises(ConfigError, match=r"gray cannot be set up \(TypeError.*; it is called with the dev"):
        peer_method(f"{code}:gray", "cpu")
    with pytest.raises(ConfigError, match="has no function none"):
        peer_method(f"{code}:none", "cpu")
    with pytest.raises(ConfigError, match="no such file"):
        peer_method(f"{tmp_path / 'other.py'}:f", "cpu")
    with pytest.raises(WeightsError, match="cannot read the weights"):
        peer_method(f"{code}:gray:{tmp_path / 'none'}", "cpu")


def test_a_peer_is_a_model_that_spandrel_knows(tmp_path: Path) -> None:
    """SRVGGNet-compact (Real-ESRGAN's small network) with weights drawn at random."""
    pytest.importorskip("spandrel")
    from spandrel.architectures.Compact import Compact

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=2)
    torch.save(network.state_dict(), tmp_path / "small.pth")
    peer = peer_method(str(tmp_path / "small.pth"), "cpu")
    case = BicubicDown(2).apply(CLEAN)
    with torch.inference_mode():
        expected = network(case.given.image).clamp(0, 1)
    torch.testing.assert_close(peer.run(case.given).clamp(0, 1), expected)
    assert peer.name == "small"
    with pytest.raises(ConfigError, match="enlarges x2, the protocol x4"):
        peer.run(BicubicDown(4).apply(CLEAN).given)
    with pytest.raises(ConfigError, match="cannot do this task"):
        peer.run(Holes("box").apply(CLEAN).given)
    (tmp_path / "junk.pth").write_bytes(b"junk")
    with pytest.raises(WeightsError, match="spandrel cannot load it"):
        peer_method(str(tmp_path / "junk.pth"), "cpu")


# --------------------------------------------------------------------------------------------- scores


def exact(given: Given) -> Tensor:
    return given.image


def halved(given: Given) -> Tensor:
    return given.image / 2


def test_scores_are_scikit_image_s_of_8_bit_pictures(folder: Path) -> None:
    scorer = Scorer(metrics_of("denoise", [], ["psnr", "ssim"]), {})
    methods = [Method("noisy", exact, "input"), Method("half", halved, "floor")]
    table = measure(PictureSet.of(folder), Gaussian(25), methods, scorer)
    for number, path in enumerate(PictureSet.of(folder).files):
        with Image.open(path) as picture:
            clean = np.asarray(picture)
        case = Gaussian(25).apply(from_bytes(clean))
        for row, image in zip(table.rows, (case.given.image, case.given.image / 2), strict=True):
            result = to_bytes(image)
            wanted = peak_signal_noise_ratio(clean, result, data_range=255)
            assert row.pictures[number].scores["psnr"] == pytest.approx(wanted, abs=1e-5)
            wanted = structural_similarity(
                clean, result, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5,
                use_sample_covariance=False,
            )  # fmt: skip
            assert row.pictures[number].scores["ssim"] == pytest.approx(wanted, abs=1e-6)


def test_the_border_is_left_out() -> None:
    scorer = Scorer(metrics_of("upscale", [], ["psnr", "psnr-y"]), {})
    case = BicubicDown(4).apply(CLEAN)
    wrong = case.clean.clone()
    wrong[..., :4] = 1 - wrong[..., :4]
    assert all(v == math.inf for v in scorer.of(case, 4).scores(wrong).values())
    assert all(v is not None and v < 30 for v in scorer.of(case, 3).scores(wrong).values())


def test_inside_the_hole_only() -> None:
    scorer = Scorer(metrics_of("inpaint", [], ["psnr", "ssim"]), {})
    case = Holes("box").apply(CLEAN)
    assert case.given.hole is not None
    inside = case.given.hole.bool().expand_as(CLEAN)
    wrong_outside = torch.where(inside, CLEAN, 1 - CLEAN)
    found = scorer.of(case, 0).scores(wrong_outside)
    assert found["psnr_hole"] == math.inf
    assert found["psnr"] is not None
    assert found["psnr"] < 20
    wrong_inside = torch.where(inside, CLEAN + 0.1, CLEAN)
    found = scorer.of(case, 0).scores(wrong_inside)
    assert found["psnr_hole"] == pytest.approx(20, abs=0.01)
    assert found["ssim_hole"] is not None
    assert found["ssim_hole"] < found["ssim"]


def test_what_a_picture_is_too_small_for_has_no_mean(folder: Path) -> None:
    big = scene(77, 180, 181)
    Image.fromarray(big).save(folder / "big.png")
    scorer = Scorer(metrics_of("denoise", []), {})
    table = measure(PictureSet.of(folder), Gaussian(25), [Method("noisy", exact, "input")], scorer)
    assert [p.scores["ms_ssim"] is None for p in table.rows[0].pictures] == [True, True, True, False]
    assert table.rows[0].mean("ms_ssim") is None
    wanted = "No mean of MS-SSIM, a2.png, a10.png, b.png being too small for it (176x176 pixels)."
    assert tables.warnings(table) == [wanted]
    assert "| - |" in tables.markdown(table)


def test_metrics_of_a_task() -> None:
    keys = [m.key for m in metrics_of("inpaint", ["squeeze", "alex"])]
    assert keys[0] == "psnr_hole"
    assert {"lpips_squeeze", "lpips_squeeze_hole", "lpips_alex", "ssim_hole", "ms_ssim"} <= set(keys)
    assert [m.key for m in metrics_of("inpaint", ["alex"], ["lpips"])] == ["lpips_alex", "lpips_alex_hole"]
    assert not any(m.higher_is_better for m in METRICS.values() if m.label.startswith("LPIPS"))


# -------------------------------------------------------------------------------------------- measure


def test_a_table_holds_what_was_measured(folder: Path, backbone: Backbone) -> None:
    protocol, ticks = Gaussian(25), []
    methods = [*floor_methods(protocol)[:1], *own_methods(protocol, backbone, Asked())]
    scorer = Scorer(metrics_of("denoise", [], ["psnr"]), {})
    table = measure(
        PictureSet.of(folder), protocol, methods, scorer, show=2, tick=lambda *tick: ticks.append(tick[1:])
    )
    assert table.count == 3
    assert [row.kind for row in table.rows] == ["input", "restore", "restore"]
    assert [row.calls for row in table.rows] == [None, 1, 1]
    assert all(row.peak_bytes is None or row.peak_bytes > 1e7 for row in table.rows)
    assert ticks[-1] == (9, 9)
    assert [done for done, _ in ticks] == sorted(done for done, _ in ticks)
    assert 1 <= len(table.shown) <= 2
    assert set(table.shown[0].results) == {row.label for row in table.rows}
    same = measure(PictureSet.of(folder), protocol, methods, scorer)
    assert (same.set_hash, same.inputs_hash) == (table.set_hash, table.inputs_hash)
    assert [r.mean("psnr") for r in same.rows] == [r.mean("psnr") for r in table.rows]
    other = measure(PictureSet.of(folder), Gaussian(26), methods, scorer)
    assert other.set_hash == table.set_hash
    assert other.inputs_hash != table.inputs_hash


def test_what_cannot_be_read_is_left_out_loudly(folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    Image.fromarray(scene(5, 9, 40)).save(folder / "narrow.png")
    said: list[str] = []
    methods = [Method("grey", lambda given: given.image, "floor")]
    scorer = Scorer(metrics_of("inpaint", [], ["psnr"]), {})
    table = measure(PictureSet.of(folder), Holes("text"), methods, scorer, say=said.append)
    assert table.count == 3
    assert set(table.left_out) == {"broken.png", "narrow.png"}
    assert len(said) == 2
    assert "broken.png is left out of set, hole text" in said[0]
    assert "at least 16x16 pixels, got 40x9" in table.left_out["narrow.png"]
    assert "LEFT OUT, in no mean: 2 of 5 pictures" in tables.markdown(table)


def test_a_method_that_fails_on_a_picture_takes_it_out_of_every_row(folder: Path) -> None:
    def moody(given: Given) -> Tensor:
        if given.image.shape[-1] == 64:
            raise ValueError("not this one")
        return given.image

    methods = [Method("moody", moody, "peer"), Method("fine", exact, "floor")]
    scorer = Scorer(metrics_of("denoise", [], ["psnr"]), {})
    table = measure(PictureSet.of(folder), Gaussian(25), methods, scorer)
    assert table.left_out == {"a10.png": "moody: not this one"}
    assert [[p.picture for p in row.pictures] for row in table.rows] == [["a2.png", "b.png"]] * 2
    wrong = Method("wrong", lambda given: given.image[..., :-1], "peer")
    with pytest.raises(
        ImageError, match=r"not one picture .*wrong: gives 71x60 \(w x h\), the reference is 72x60"
    ):
        measure(PictureSet.of(folder), Gaussian(25), [wrong], scorer)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda given: given.image[..., :-1], "gives 71x60 (w x h), the reference is 72x60 (w x h)"),
        (lambda given: given.image * math.nan, "gives values that are not finite"),
        (lambda given: given.image.numpy(), "AttributeError"),
        (lambda given: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
    ids=["size", "nan", "array", "bug"],
)
def test_a_method_that_mostly_fails_has_no_row(folder: Path, broken: Any, reason: str) -> None:
    said: list[str] = []
    methods = [Method("broken", broken, "peer"), Method("fine", exact, "floor")]
    scorer = Scorer(metrics_of("denoise", [], ["psnr"]), {})
    table = measure(PictureSet.of(folder), Gaussian(25), methods, scorer, say=said.append, show=3)
    assert [row.label for row in table.rows] == ["fine"]
    assert table.count == 3
    assert table.left_out == {}
    assert reason in table.failed["broken"]
    assert table.failed["broken"].startswith("3 of 3 pictures failed; broken: ")
    assert len(said) == 1
    assert "NO ROW: broken" in tables.markdown(table)
    assert [list(shown.results) for shown in table.shown] == [["fine"]] * 3


def test_hashes_are_of_the_pictures_that_stay(folder: Path) -> None:
    def fails_on_two(given: Given) -> Tensor:
        if given.image.shape[-1] != 57:
            raise ValueError("not this one")
        return given.image

    scorer, fine = Scorer(metrics_of("denoise", [], ["psnr"]), {}), Method("fine", exact, "floor")
    alone = measure(PictureSet.of(folder), Gaussian(25), [fine], scorer)
    methods = [Method("bad", fails_on_two, "peer"), fine]
    both = measure(PictureSet.of(folder), Gaussian(25), methods, scorer)
    assert list(both.failed) == ["bad"]
    assert (both.count, both.set_hash, both.inputs_hash) == (3, alone.set_hash, alone.inputs_hash)
    (folder / "a10.png").unlink()
    two = measure(PictureSet.of(folder), Gaussian(25), [fine], scorer)
    Image.fromarray(scene(5, 64, 64)).save(folder / "a10.png")

    def fails_on_one(given: Given) -> Tensor:
        if given.image.shape[-1] == 64:
            raise ValueError("not this one")
        return given.image

    left = measure(PictureSet.of(folder), Gaussian(25), [Method("moody", fails_on_one, "peer"), fine], scorer)
    assert (left.count, left.set_hash, left.inputs_hash) == (2, two.set_hash, two.inputs_hash)


def test_methods_cannot_harm_each_other(folder: Path) -> None:
    def in_place(given: Given) -> Tensor:
        if given.hole is not None:
            given.hole.zero_()
        return given.image.zero_()

    scorer = Scorer(metrics_of("inpaint", [], ["psnr"]), {})
    alone = measure(PictureSet.of(folder), Holes("box"), [Method("fine", exact, "floor")], scorer)
    methods = [Method("in place", in_place, "peer"), Method("fine", exact, "floor")]
    both = measure(PictureSet.of(folder), Holes("box"), methods, scorer)
    assert [p.scores for p in both.rows[1].pictures] == [p.scores for p in alone.rows[0].pictures]
    assert both.inputs_hash == alone.inputs_hash


def test_rows_have_names_of_their_own(folder: Path) -> None:
    methods = [Method("one", exact, "peer"), Method("one", halved, "peer")]
    with pytest.raises(ValueError, match="two rows are called 'one'"):
        measure(PictureSet.of(folder), Gaussian(25), methods, Scorer(metrics_of("denoise", []), {}))


# The hash of everything that methods are given for one picture. A change here means that no number can be
# compared with one from before. JPEG is not among them: its bytes are the encoder's affair.
PINNED = {
    "blur=motion:9:20, noise 2": "5ba05fa17396",
    "blur=gaussian:1.2, down=2": "572382b3cb6f",
    "gaussian sigma 25, unclipped": "41594c487980",
    "gaussian sigma 25, 8 bit": "f0bb613223a8",
    "poisson-gaussian gain 0.02 read 3, 8 bit": "a60471af9480",
    "bicubic-down x2": "dea19be2b42f",
    "bicubic-down x4": "bc87781f9676",
    "hole strokes-narrow": "dbba96c32347",
    "hole strokes-wide": "ac32092a6c8a",
    "hole text": "69006e26ef2f",
    "hole scratches": "0792b27964b2",
    "hole box": "30a6be4b9232",
    "hole random": "f36a578a50b2",
    "hole half": "6a6412813026",
    "hole expand": "d8b82c9697a1",
    "hole alternate-lines": "ef826ff42830",
    "hole grid2x": "6cf4bb88d288",
}


@pytest.mark.parametrize("protocol", [p for p in ALL if not isinstance(p, Jpeg)], ids=lambda p: p.name)
def test_protocols_are_frozen(protocol: Protocol, tmp_path: Path) -> None:
    y, x, c = np.mgrid[:48, :60, :3]
    Image.fromarray(((x * x + 3 * y * (c + 1) + x * y // 7) % 256).astype(np.uint8)).save(tmp_path / "a.png")
    scorer = Scorer(metrics_of(protocol.task, [], ["psnr"]), {})
    blank = Method("blank", lambda given: torch.zeros(1, 3, *size_of(given)), "floor")
    table = measure(PictureSet.of(tmp_path), protocol, [blank], scorer)
    assert table.inputs_hash == PINNED[protocol.name]


def size_of(given: Given) -> tuple[int, int]:
    h, w = size_before(given.words, (given.image.shape[-2], given.image.shape[-1]))
    return h * (given.scale or 1), w * (given.scale or 1)


def test_the_hash_is_of_what_is_told_too(folder: Path) -> None:
    scorer = Scorer(metrics_of("denoise", [], ["psnr"]), {})

    class Liar(Gaussian):
        def apply(self, clean: Tensor) -> Case:
            case = super().apply(clean)
            return replace(case, given=replace(case.given, sigma=99.0))

    class Inverted(Holes):
        def apply(self, clean: Tensor) -> Case:
            case = super().apply(clean)
            assert case.given.hole is not None
            return replace(case, given=replace(case.given, hole=1 - case.given.hole))

    def hash_of(protocol: Protocol) -> str:
        return measure(PictureSet.of(folder), protocol, [Method("x", exact, "floor")], scorer).inputs_hash

    assert hash_of(Gaussian(25)) != hash_of(Liar(25))
    assert hash_of(Holes("box")) != hash_of(Inverted("box"))


@pytest.mark.parametrize("task", ["denoise", "upscale", "inpaint", "compare"])
def test_every_score_is_that_of_its_function(task: str) -> None:
    """Each metric alone and all of them together, against the functions that compute them."""
    clean = from_bytes(scene(3, 184, 188))
    protocol = {"upscale": BicubicDown(4), "inpaint": Holes("box")}.get(task, Gaussian(25))
    case = protocol.apply(clean)
    result = rounded(
        case.clean + 0.1 * torch.randn(case.clean.shape, generator=torch.Generator().manual_seed(0))
    )
    border = protocol.border
    inner = slice(border, -border or None)
    a, b = (x[..., inner, inner] for x in (result, case.clean))
    y, y_clean = metrics.luma(a), metrics.luma(b)
    hole = case.given.hole
    wanted = {
        "psnr": metrics.psnr(a, b).item(),
        "psnr_y": metrics.psnr(y, y_clean).item(),
        "ssim": metrics.ssim(a, b).item(),
        "ssim_y": metrics.ssim(y, y_clean).item(),
        "ms_ssim": metrics.ms_ssim(a, b).item(),
        "colour": 255 * metrics.colour_shift(a, b).item(),
    }
    if task == "inpaint":
        wanted["psnr_hole"] = metrics.psnr(a, b, where=hole).item()
        wanted["psnr_y_hole"] = metrics.psnr(y, y_clean, where=hole).item()
        wanted["ssim_hole"] = metrics.ssim(a, b, where=hole).item()
    chosen = metrics_of(task, [])
    assert {metric.key for metric in chosen} == set(wanted)
    assert Scorer(chosen, {}).of(case, border).scores(result) == pytest.approx(wanted)
    for metric in chosen:
        alone = Scorer([metric], {}).of(case, border).scores(result)
        assert alone == {metric.key: pytest.approx(wanted[metric.key])}
    assert len(set(wanted.values())) == len(wanted)  # no two of them could be mistaken for each other


def test_the_worst_picture_is_shown(folder: Path) -> None:
    for k in range(6):
        Image.fromarray(scene(40 + k, 60, 60)).save(folder / f"c{k}.png")

    def spoils_one(given: Given) -> Tensor:
        return given.image * 0 if given.image.shape[-2:] == (64, 64) else given.image

    scorer = Scorer(metrics_of("denoise", [], ["psnr"]), {})
    row = Method("restore mean", spoils_one, "restore")
    table = measure(PictureSet.of(folder), Gaussian(25), [row], scorer, show=2)
    assert {(s.picture, s.why) for s in table.shown} == {
        ("a2.png", "by turns"),
        ("a10.png", "one of the worst"),
    }


# --------------------------------------------------------------------------------------------- tables


def a_table() -> Table:
    row = Row("restore mean", "restore", "cpu bfloat16", "abc", {}, {"steps": 4}, 2**30)
    row.pictures = [
        Scored("a, b.png", {"psnr": math.inf}, 1.0, 0.5, 3),
        Scored("c.png", {"psnr": 30.0}, 2.0, 0.5, 5),
    ]
    metrics = [METRICS["psnr"]]
    return Table("denoise", "tiny", "s" * 12, "gaussian", "Words.", 25, "sigma", "all", metrics, [row], 2)


def test_tables_as_text() -> None:
    table = a_table()
    evaluation = Evaluation({"restore": "1"}, [table], ["a note"])
    found = json.loads(tables.as_json(evaluation))
    assert found["format"] == "restore-eval-1"
    (row,) = found["tables"][0]["rows"]
    assert row["label"] == "restore mean, steps=4"
    assert row["means"] == {"psnr": 30.0}
    assert row["pictures"][1]["scores"] == {"psnr": 30.0}
    assert (row["calls"], row["seconds_per_picture"], row["seconds_per_megapixel"]) == (4, 1.5, 3)
    lines = list(csv.DictReader(io.StringIO(tables.as_csv(evaluation))))
    assert [line["picture"] for line in lines] == ["a, b.png", "c.png"]
    assert [line["psnr"] for line in lines] == ["inf", "30.000000"]
    text = tables.markdown(table)
    assert "| **restore mean, steps=4** | 30.00 | 1.500 | 3.00 | 4 | 1.00 | cpu bfloat16 | abc |" in text
    assert "PSNR: PSNR in dB on RGB" in tables.footer(evaluation)


def test_a_mean_is_of_all_pictures_or_none() -> None:
    row = Row("x", "floor")
    row.pictures = [Scored("a", {"psnr": 1.0}, 1, 1), Scored("b", {"psnr": 3.0}, 1, 1)]
    assert row.mean("psnr") == 2
    row.pictures.append(Scored("c", {"psnr": None}, 1, 1))
    assert row.mean("psnr") is None
    assert row.mean("ssim") is None


def test_one_exact_picture_does_not_make_a_row_infinite() -> None:
    row = Row("x", "floor")
    row.pictures = [Scored("a", {"psnr": math.inf}, 1, 1), Scored("b", {"psnr": 30.0}, 1, 1)]
    assert row.mean("psnr") == 30
    assert row.exact("psnr") == ["a"]
    row.pictures.pop()
    assert row.mean("psnr") == math.inf
    (warning,) = tables.warnings(a_table())
    assert warning == "PSNR is infinite, and in no mean, where a row is exact: a, b.png."


# -------------------------------------------------------------------------------------------- compare


def test_compare_scores_by_name(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for path in folder.iterdir():
        with Image.open(path) as picture:
            noisy = np.asarray(picture).astype(int) + 10
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "out" / f"{path.stem}.bmp")
    scorer = Scorer(metrics_of("compare", [], ["psnr"]), {})
    table = compare(folder, [tmp_path / "out", folder], scorer, show=1)
    assert [row.label for row in table.rows] == ["out", "set"]
    assert table.rows[0].mean("psnr") == pytest.approx(28.13, abs=0.3)
    assert table.rows[1].mean("psnr") == math.inf
    assert table.count == 3
    assert len(table.shown) == 1


def test_compare_refuses_what_does_not_match(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    scorer = Scorer(metrics_of("compare", [], ["psnr"]), {})
    with pytest.raises(ImageError, match="expected a folder with pictures"):
        compare(folder, [out], scorer)
    Image.fromarray(scene(1, 20, 20)).save(out / "a2.png")
    Image.fromarray(scene(1, 20, 20)).save(out / "z.png")
    with pytest.raises(ConfigError, match=r"out lacks a10, b; .*out has z that .* has not; pass --partly"):
        compare(folder, [out], scorer)
    for name in ("a10", "b"):
        Image.fromarray(scene(1, 20, 20)).save(out / f"{name}.png")
    (out / "z.png").unlink()
    with pytest.raises(ConfigError, match=r"a2.png is 20x20 but .*a2.png is 72x60, .*b.png is 20x20 but"):
        compare(folder, [out], scorer)
    (out / "a10.png").write_bytes((folder / "a10.png").read_bytes())
    table = compare(folder, [out], scorer, partly=True)
    assert table.left_out == {"a2": "the sizes differ", "b": "the sizes differ"}
    with pytest.raises(ImageError, match="not one picture could be compared"):
        compare(folder, [out], scorer, partly=True, border=32)
    with pytest.raises(ConfigError, match="the same folder of results is named twice"):
        compare(folder, [out, out], scorer, partly=True)
    for name in ("a10", "b"):
        (out / f"{name}.png").unlink()
    (out / "a2.png").rename(out / "y.png")
    with pytest.raises(ConfigError, match="no picture name in common"):
        compare(folder, [out], scorer, partly=True)
    with pytest.raises(ConfigError, match="expected a folder of pictures"):
        compare(folder, [tmp_path / "none"], scorer)
    Image.fromarray(scene(1, 20, 20)).save(folder / "b.bmp")
    with pytest.raises(ConfigError, match="have the same name"):
        compare(folder, [out], scorer)


def test_compare_leaves_unreadable_pictures_out(folder: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "out", list[str]()
    out.mkdir()
    for path in folder.iterdir():
        (out / path.name).write_bytes(path.read_bytes() if path.stem != "b" else b"x")
    table = compare(folder, [out], Scorer(metrics_of("compare", [], ["psnr"]), {}), say=said.append)
    assert table.count == 2
    assert list(table.left_out) == ["b"]
    assert len(said) == 1
