"""Training configurations: what is read, and what errors say."""

from __future__ import annotations

from pathlib import Path

import pytest
from training_runs import photographs as photographs
from training_runs import with_run

from restore.errors import ConfigError
from restore.training.config import read_config

CONFIGS = Path(__file__).parents[2] / "configs"
pytestmark = pytest.mark.usefixtures("one_thread")


def of_training() -> list[Path]:
    """The others are options of restore fit."""
    return [path for path in sorted(CONFIGS.glob("*.toml")) if "[run]" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", of_training(), ids=lambda p: p.name)
def test_configurations_in_the_project_are_sound(path: Path) -> None:
    config = read_config(path, noisy=path.name == "from_noisy.toml")
    assert config.run.out.startswith("runs/")
    assert config.run.steps or config.run.minutes


GOOD = """
[data]
train = ["pictures"]
[run]
steps = 10
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[data", "not valid TOML"),
        ("[dta]\nx = 1", "unknown key dta; expected one of data, backbone, mix, loss, optim, run"),
        ("data = 5", "data must be a table, got 5"),
        ('[data]\ntrain = ["a"]\ncorp = 96', "unknown key data.corp; expected one of train, val, crop"),
        (GOOD + "[backbone.network]\nwidth = 3", "unknown key backbone.network.width"),
        (GOOD + "[optim]\nlr = 'high'", "optim.lr must be of type float, got 'high'"),
        (GOOD + "[optim]\nlr = true", "optim.lr must be of type float, got True"),
        (GOOD + "batch = 4.5", "run.batch must be of type int, got 4.5"),
        (GOOD + "batch = true", "run.batch must be of type int, got True"),
        (GOOD + "compile = 1", "run.compile must be of type bool, got 1"),
        ("[data]\ntrain = 'a'", "data.train must be a list, got 'a'"),
        ("[data]\ntrain = [1]", "data.train must be of type str, got 1"),
        (
            GOOD + "[loss]\nkind = 'l1'",
            "loss.kind must be one of 'v', 'eps', 'x0', 'hybrid', 'vlb', got 'l1'",
        ),
        (GOOD + "[backbone]\nschedule = 'quartic'", "backbone: schedule is one of linear, scaled-linear"),
        (GOOD + "[backbone.network]\nchannels = []", "backbone.network: channels must be a list of widths"),
        (GOOD + "[backbone.network]\ninputs = 12", "backbone: the network needs 9 inputs and 3 outputs"),
        (GOOD + "[mix]\ndenoise = -1.0", "mix: unconditional, upscale, inpaint, denoise are shares"),
        (GOOD + "[mix]\ntop_share = 1.5", "mix: prior_share and top_share lie in 0..1; got 0.8 and 1.5"),
        (GOOD + "[mix]\nsigma_low = 0.9", "mix: sigma_low and sigma_mid must rise from above 0"),
        (
            GOOD + "[mix]\nlevels = 'log-sigma'\nsigma_low = 1e-4",
            "mix.sigma_low is 0.0001; expected at least 0.00196",
        ),
        (
            GOOD + "[mix]\nlevels = 'even'",
            "mix.levels must be one of 'schedule', 'importance', 'log-sigma', got 'even'",
        ),
        (
            GOOD + "[mix]\nprior_share = 0.5",
            "mix.prior_share is 0.5; expected nothing, or",
        ),
        (GOOD + "[mix]\nlevels = 'importance'", "mix.levels is 'importance'; expected schedule or log-sigma"),
        (GOOD + "[backbone]\nsteps = 100", "backbone.schedule is 'linear'; expected one that ends in noise"),
        (GOOD + "[backbone]\nbeta_end = 2.0", "backbone: betas must lie strictly between 0 and 1; got 1"),
        (
            GOOD + "[backbone]\nschedule = 'cosine'\nbeta_end = 0.1",
            "backbone: a cosine schedule has no use for beta_start and beta_end, got 0 and 0.1",
        ),
        (GOOD + "[mix]\nlevels = 'log-sigma'\nsigma_mid = 90", "mix.sigma_mid is 90.0; expected below 80"),
        (GOOD + "[optim]\nlr = 0", "optim.lr is 0.0; expected above 0"),
        (GOOD + "[optim]\nlr = nan", "optim.lr is nan; expected above 0"),
        (GOOD + "[optim]\nbetas = [0.9]", r"optim.betas is \(0.9,\); expected two in \[0, 1\)"),
        (GOOD + "[optim]\nclip = -1", "optim.clip is -1.0; expected at least 0"),
        (GOOD + "[optim]\ndecay = 2", "optim.decay is 2.0; expected a share from 0 to 1"),
        (
            GOOD + "[loss]\nkind = 'hybrid'",
            "loss.kind is 'hybrid'; expected .* anything but 'hybrid' without",
        ),
        (GOOD + "[backbone]\nlearned_variance = true", "loss.kind is 'v'; expected 'hybrid' or 'vlb' with"),
        (GOOD + "[loss]\nkind = 'vlb'\nnorm = 'l1'", "loss.norm is 'l1'; expected 'l2' with .* 'vlb'"),
        (GOOD + "[loss]\nkind = 'vlb'\nmin_snr_gamma = 5", "loss.min_snr_gamma is 5.0; .* 0 with .* 'vlb'"),
        (GOOD + "[loss]\nnorm = 'l1'\nmin_snr_gamma = 5", "loss.min_snr_gamma is 5.0; .* squared errors"),
        (GOOD + "[loss]\nnorm = 'huber'", "loss.huber_delta is 0.0; expected above 0 with .*'huber'"),
        (GOOD + "[loss]\nhuber_delta = 0.1", "loss.huber_delta is 0.1; expected .* 0 with another"),
        (GOOD + "[loss]\nnorm = 'l3'", "loss.norm must be one of 'l2', 'l1', 'huber', got 'l3'"),
        (GOOD + "[loss]\nsimple = 'x0'", "loss.simple is 'x0'; expected 'eps' unless loss.kind = 'hybrid'"),
        (GOOD + "[loss]\nssim = -1", "loss.ssim is -1.0; expected at least 0"),
        (GOOD + "[loss]\nlpips = inf", "loss.lpips is inf; expected at least 0"),
        (GOOD + "[loss]\nlpips = 1\npicture_sigma = 0", "loss.picture_sigma is 0.0; expected above 0"),
        (GOOD + "[loss]\npicture_sigma = 0.2", "loss.picture_sigma is 0.2; expected .* 0.1 unless loss.ssim"),
        (GOOD + "[loss]\npicture_at = 'hints'", "loss.picture_at is 'hints'; expected 'low-noise' unless"),
        (
            "[data]\ntrain = ['a']\ncrop = 16\n[loss]\nms_ssim = 1\n[run]\nsteps = 1",
            "loss.ms_ssim is 1.0; expected .* 0 with crops below 22 pixels; data.crop is 16",
        ),
        (
            "[data]\ntrain = ['a']\ncrop = 16\n[loss]\nlpips = 1\n[run]\nsteps = 1",
            "loss.lpips is 1.0; expected .* 0 with crops below 32 pixels; data.crop is 16",
        ),
        (GOOD + "[loss]\nmin_snr_gamma = -1", "loss.min_snr_gamma is -1.0; expected at least 0"),
        (GOOD + "batch = 0", "run.batch is 0; expected enough for one crop of unconditional and"),
        (GOOD + "batch = 4", "run.batch is 4; expected enough for one crop of denoise in every step"),
        (GOOD + "ema = [1]", r"run.ema is \(1.0,\); expected one or more decays from 0 up to 1"),
        (GOOD + "ema = []", r"run.ema is \(\); expected one or more decays from 0 up to 1"),
        (GOOD + "ema = 0.9", "run.ema must be a list, got 0.9"),
        (GOOD + "log_every = 0", "run.log_every is 0; expected at least 1"),
        (GOOD + "save_every = -1", "run.save_every is -1; expected at least 0"),
        (GOOD + "precision = 'fp8'", "run.precision must be one of 'auto', 'bf16', 'fp32', got 'fp8'"),
        ("[data]\ntrain = ['a']", "run.steps is 0; expected steps or minutes above 0"),
        ("[data]\ntrain = []\n[run]\nsteps = 1", r"data.train is \(\); expected at least one folder"),
        ("[data]\ntrain = ['a']\ncrop = 40\n[run]\nsteps = 1", "data.crop is 40; expected a multiple of 16"),
        ("[data]\ntrain = ['a']\ncrop = 1024\n[run]\nsteps = 1", "data.crop is 1024; expected .* up to 768"),
        ("[data]\ntrain = ['a']\ntext = 1\n[run]\nsteps = 1", "data.text is 1.0; expected a share"),
    ],
)
def test_configuration_errors_name_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_sound_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        GOOD + "minutes = 3\n[optim]\nbetas = [0.9, 0.99]\n[backbone.network]\nchannels = [8, 16]"
    )
    config = read_config(path)
    assert config.data.train == ("pictures",)
    assert config.run.minutes == 3.0
    assert isinstance(config.run.minutes, float)
    assert config.optim.betas == (0.9, 0.99)
    assert config.backbone.network.channels == (8, 16)
    assert read_config(path, minutes=1.0) == with_run(config, minutes=1.0)
    with pytest.raises(ConfigError, match=r"recipe\.toml: run\.minutes is -1\.0; expected at least 0"):
        read_config(path, minutes=-1.0)


@pytest.mark.parametrize(
    "loss",
    [
        "kind = 'vlb'",
        "kind = 'hybrid'\nsimple = 'v'\nnorm = 'huber'\nhuber_delta = 0.1",
        "kind = 'x0'\nnorm = 'l1'\nssim = 0.1",
        "lpips = 1\npicture_sigma = inf\npicture_at = 'hints'",
    ],
)
def test_losses_that_go_together(tmp_path: Path, loss: str) -> None:
    path = tmp_path / "recipe.toml"
    learned = str("hybrid" in loss).lower()
    path.write_text(GOOD + f"[loss]\n{loss}\n[backbone]\nlearned_variance = {learned}", encoding="utf-8")
    assert read_config(path).loss.kind in loss + "v"
    if learned == "false" and "vlb" in loss:
        assert read_config(path, changes=["backbone.learned_variance=true"]).backbone.learned_variance


@pytest.mark.parametrize("loss", ["kind = 'vlb'", "norm = 'l1'", "ssim = 1"])
def test_noisy_pictures_have_squared_errors_alone(tmp_path: Path, loss: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        "[data]\ntrain = ['a']\nhalf_size = false\ntext = 0\nfaded = 0\ngray = 0\nnoise_std = 0.1\n"
        "[mix]\nupscale = 0\ninpaint = 0\ndenoise = 0\n[backbone]\nsigma_min = 0.12\n"
        "[run]\nsteps = 1",
        encoding="utf-8",
    )
    sets = ["mix.sigma_low=0.15"]
    assert read_config(path, changes=sets).data.noise_std == 0.1
    key, value = loss.replace("'", "").split(" = ")
    with pytest.raises(
        ConfigError, match=r"data.noise_std is 0\.1; expected .* squared errors of v, eps or x0"
    ):
        read_config(path, changes=[*sets, f"loss.{key}={value}"])


def test_changes_go_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(GOOD + "[optim]\nlr = 0.5\n")
    sets = ["optim.lr=1e-3", "optim.kind = muon", "backbone.network.channels=[8, 16]", "data.val=here"]
    config = read_config(path, changes=[*sets, "run.compile=false", "run.minutes=2"], steps=7)
    assert (config.optim.lr, config.optim.kind, config.run.compile) == (1e-3, "muon", False)
    assert config.backbone.network.channels == (8, 16)
    assert (config.data.val, config.run.steps, config.run.minutes) == ("here", 7, 2.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optim.lr", r"a change of .* is TABLE.KEY=VALUE, such as optim.lr=1e-3; got 'optim.lr'"),
        ("lr=1", "a change of .* is TABLE.KEY=VALUE"),
        ("optim.=1", "a change of .* is TABLE.KEY=VALUE"),
        ("optim.lr.x=1", "lr is no table, so there is no optim.lr.x to change"),
        ("optim.speed=1", "unknown key optim.speed; expected one of kind, lr"),
        ("optim.lr=fast", "optim.lr must be of type float, got 'fast'"),
        ("optim.kind=sgd", "optim.kind must be one of 'adamw', 'muon', got 'sgd'"),
    ],
)
def test_changes_that_cannot_be(tmp_path: Path, change: str, message: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(GOOD + "[optim]\nlr = 0.5\n")
    with pytest.raises(ConfigError, match=message):
        read_config(path, changes=[change])


def test_missing_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot read the configuration \(No such file"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        read_config(tmp_path)
