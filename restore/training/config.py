"""Training configurations: one TOML file for a run, and the options of a fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from restore.diffusion.sigmas import known_levels
from restore.errors import ConfigError
from restore.images.outside import plain, read_toml
from restore.priors.backbone import BackboneConfig
from restore.priors.device import Precision
from restore.priors.limits import Limit, check_fields
from restore.training.batches import Mix
from restore.training.conditions import read_conditions
from restore.training.config_rules import MOST_PIXELS, check_ranges, check_warmup
from restore.training.toml_tables import apply_change, build

Method = Literal["auto", "noise2noise", "neighbor2neighbor", "recorrupted"]
Loss = Literal["l2", "l1", "l0"]
FIT_LIMITS = {
    "sigma": Limit(255), "minutes": Limit(1e7), "steps": Limit(1e9), "rank": Limit(1024), "lr": Limit(100),
    "batch": Limit(65_536), "crop": Limit(768), "held_out": Limit(1), "ema": Limit(1),
    "seed": Limit(2**63 - 1),
}  # fmt: skip


@dataclass(frozen=True)
class FitConfig:
    """How to fit the weights to noisy pictures.

    Parameters
    ----------
    method : ``noise2noise`` for pairs and bursts, ``recorrupted`` or ``neighbor2neighbor`` for single
        pictures. ``auto`` takes noise2noise where every scene has two views, else recorrupted, which handles
        correlated noise, works at full resolution and got farther in equal time on white noise.
    loss : of noise2noise; see `restore.fitting.objectives.noise2noise`.
    sigma : standard deviation of white Gaussian noise on the 0..255 scale; 0 measures the noise.
    minutes, steps : the run ends at whichever comes first; 0 means no such limit. Minutes, 1e7 at most, count
        everything, also measuring, compiling and checking; steps are 1e9 at most.
    rank : of low-rank adapters, which are saved instead of the weights, up to 1024; 0 trains all weights.
    from_scratch : begin with random weights of the same shape.
    lr : learning rate, up to 100; 0 takes 3e-4, and 1e-3 for adapters and from scratch.
    batch : crops per step, up to 65536; of 2^30 pixels in all at most.
    crop : side of the crops in pixels, up to 768; smaller for small pictures.
    held_out : share of the scenes that are kept aside, 0 to 1.
    ema : decay of the averaged weights, 0 up to 1.
    seed : of the weights that begin at random, and of all crops and noise, 0 or more.
    precision : of network calls; the weights are always float32.
    compile : compile the network, which is twice as fast on a CPU and takes a minute to start.

    Raises
    ------
    ConfigError
        For options out of range, and for those that contradict each other.

    Examples
    --------
    >>> FitConfig(rank=8).rate
    0.001
    >>> FitConfig(minutes=0)
    Traceback (most recent call last):
        ...
    restore.errors.ConfigError: a fit needs minutes or steps above 0
    """

    method: Method = "auto"
    loss: Loss = "l2"
    sigma: float = 0.0
    minutes: float = 8.0
    steps: int = 0
    rank: int = 0
    from_scratch: bool = False
    lr: float = 0.0
    batch: int = 16
    crop: int = 96
    held_out: float = 0.1
    ema: float = 0.998
    seed: int = 0
    precision: Precision = "auto"
    compile: bool = True

    def __post_init__(self) -> None:
        self._check_numbers()
        if not (self.minutes > 0 or self.steps > 0):
            raise ConfigError("a fit needs minutes or steps above 0")
        if self.from_scratch and self.rank:
            raise ConfigError(
                "adapters change trained weights; from scratch there are none: leave out the rank"
            )
        if self.loss != "l2" and self.method not in ("auto", "noise2noise"):
            raise ConfigError(f"the loss {self.loss} belongs to noise2noise, not to {self.method}")
        if self.sigma and self.method in ("noise2noise", "neighbor2neighbor"):
            raise ConfigError(f"{self.method} has no use for sigma; leave it out")

    def _check_numbers(self) -> None:
        try:
            check_fields(self, FIT_LIMITS)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        least = {name: int(name in ("batch", "crop")) for name in FIT_LIMITS}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ConfigError(f"{name} is {getattr(self, name)}; expected at least {bound}")
        if self.ema == 1:
            raise ConfigError("ema is 1; expected a decay below 1")
        if self.batch * self.crop**2 > MOST_PIXELS:
            raise ConfigError(
                f"batch is {self.batch}; expected crops of {MOST_PIXELS} pixels in all at most; the crop "
                f"is {self.crop}"
            )

    @property
    def rate(self) -> float:
        """The learning rate at its highest."""
        return self.lr or (1e-3 if self.rank or self.from_scratch else 3e-4)


@dataclass(frozen=True)
class DataConfig:
    """The training pictures.

    Parameters
    ----------
    train : folders, .tar shards or single pictures; up to 100000 names, of up to 4096 characters as all are.
    val : a folder of pictures that are never trained on.
    crop : side of a training crop, a multiple of the network's coarsest cell.
    turns : which crops are mirrored and turned at random: ``all`` eight ways, ``mirrored`` left to right, or
        ``none``, where up and down mean something, as in letters.
    half_size : also use every picture at half size, which is sharper.
    text : share of crops taken from rendered pages of text.
    faded : share of crops that look like faded prints, low in contrast and tinted, and are to stay so.
    gray : share of crops whose colour is taken away; the noise put on these is the same in all channels.
    condition : what the network is told of each picture: ``folders`` (the label is the folder), a .csv file
        of names and labels, a .npy file with a vector for each picture; empty is nothing.
    encoder : folder of a text encoder, for a .csv file of names and texts; see `restore.priors.text`.
    drop : share of the crops of which nothing is told, for classifier-free guidance (Ho and Salimans 2022).
    noise_std : standard deviation of the white Gaussian noise in the training pictures, [0, 1] units. An
        unconditional prior is then trained on them as they are; see `restore.training.loss.noised_again`.
    """

    train: tuple[str, ...] = ()
    val: str = ""
    crop: int = 96
    turns: Literal["all", "mirrored", "none"] = "all"
    half_size: bool = True
    text: float = 0.06
    faded: float = 0.05
    gray: float = 0.05
    condition: str = ""
    encoder: str = ""
    drop: float = 0.1
    noise_std: float = 0.0


@dataclass(frozen=True)
class LossConfig:
    """What is minimised.

    Losses of pictures are added after balancing, with the weights that they are given here. A balanced loss
    is near 1.

    Parameters
    ----------
    kind : what the error is of: ``v``, ``eps`` (the simple loss) or ``x0``, each for any
        ``backbone.prediction``; or ``vlb``, the variational bound in bits per dimension, with learned or with
        the small fixed variances; or ``hybrid``, an error plus 0.001 of the bound, for learned variances,
        which the bound alone then teaches. ``vlb`` is the bound itself where the noise levels of a batch are
        uniform over the timesteps and nothing is balanced; else its terms are weighted.
    simple : what the error of ``hybrid`` is of.
    norm : of errors: ``l2``, ``l1`` or ``huber``. Only l2 gives the mean, which samplers assume.
    huber_delta : the error at which ``huber`` turns from squared to linear, in units of what it is of; 0
        with the others.
    min_snr_gamma : weight noise levels by min-SNR with this gamma; 0 turns it off.
    balance : divide the loss of each task and noise level by the running mean of its own.
    ssim, ms_ssim, lpips : weights of 1 - SSIM, 1 - MS-SSIM (of as many scales as fit into a crop) and LPIPS
        between the estimate of x0 and the clean crop; 0 turns each off. LPIPS reads the SqueezeNet that the
        environment variable RESTORE_LPIPS_TRUNK names, else torchvision's own in the torch hub cache.
    picture_sigma : the noise level at which these three count half, [0, 1] units. At sigma they count
        ``1 / (1 + (sigma / picture_sigma)^2)``: above it E[x0 | x] is blurred, and to be trained on sharpness
        moves the network away from it. inf: the same at all levels.
    picture_at : ``low-noise``, that rule for all crops; or ``hints``, where crops with a hint (upscaling,
        inpainting, blind denoising) count in full at any level. That is for results in one call, where nobody
        takes the answer for a mean; samples of such tasks lose.

    References
    ----------
    v: T. Salimans, J. Ho, "Progressive Distillation for Fast Sampling of Diffusion Models", 2022,
    arXiv:2202.00512.
    eps: J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", 2020, arXiv:2006.11239,
    eq. 14; vlb: eq. 5.
    hybrid: A. Nichol, P. Dhariwal, "Improved Denoising Diffusion Probabilistic Models", 2021,
    arXiv:2102.09672, eq. 16.
    huber: P. J. Huber, "Robust Estimation of a Location Parameter", 1964, doi:10.1214/aoms/1177703732.
    min-SNR: T. Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy", 2023,
    arXiv:2303.09556.
    ssim, ms_ssim: H. Zhao et al., "Loss Functions for Image Restoration with Neural Networks", 2017,
    arXiv:1511.08861.
    lpips: R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018,
    arXiv:1801.03924.
    picture_at: Y. Blau, T. Michaeli, "The Perception-Distortion Tradeoff", 2018, arXiv:1711.06077.
    """

    kind: Literal["v", "eps", "x0", "hybrid", "vlb"] = "v"
    simple: Literal["v", "eps", "x0"] = "eps"
    norm: Literal["l2", "l1", "huber"] = "l2"
    huber_delta: float = 0.0
    min_snr_gamma: float = 0.0
    balance: bool = True
    ssim: float = 0.0
    ms_ssim: float = 0.0
    lpips: float = 0.0
    picture_sigma: float = 0.1
    picture_at: Literal["low-noise", "hints"] = "low-noise"

    @property
    def of_pictures(self) -> bool:
        """Whether a loss of pictures is on."""
        return bool(self.ssim or self.ms_ssim or self.lpips)


@dataclass(frozen=True)
class OptimConfig:
    """The optimiser, its rate over the run, and gradient clipping.

    Parameters
    ----------
    kind : ``adamw``, or ``muon`` for the convolutions; one ``lr`` serves both.
    lr : learning rate at its highest, up to 100.
    betas : of AdamW.
    weight_decay : decoupled weight decay, up to 100.
    schedule : ``constant`` holds the rate and lowers it linearly to zero over the last ``decay`` share;
        ``cosine`` lowers it along half a cosine from the start.
    decay : share of the run over which a constant rate is lowered, 0 to 1.
    warmup_steps : steps over which the rate rises, up to 1e9, and no more than the steps of a run that has
        both in its file.
    clip : largest norm of the gradient, up to 1e9; 0 turns clipping off.
    """

    kind: Literal["adamw", "muon"] = "adamw"
    lr: float = 1e-3
    betas: tuple[float, ...] = (0.9, 0.98)
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    decay: float = 0.4
    warmup_steps: int = 200
    clip: float = 1.0


@dataclass(frozen=True)
class RunConfig:
    """Length, size and place of a run.

    Parameters
    ----------
    out : the folder of the run.
    steps, minutes : the run ends at whichever comes first; 0 means no such limit. Up to 1e9 and 1e7. Minutes
        count everything, also reading, compiling and validation; with validation pictures training ends when
        5 % of them are left, for the choice between averages.
    batch : crops per step and process, up to 65536; of 2^30 pixels in all at most.
    ema : decays of averaged weights, up to 16 of them. The first is validated and saved during the run; at
        its end validation decides which of them, or the last weights themselves, are saved.
    seed : of the first weights, and of all crops and damage, 0 or more.
    device : ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    precision : of network calls; the weights are always float32.
    compile : compile the network, which is twice as fast on a CPU and takes a minute to start.
    weights : a checkpoint to begin from, ``shipped`` for the one in the package; empty begins at random.
    rank : of low-rank adapters that are trained and saved in place of the weights, up to 1024; 0 trains the
        weights.
    log_every, validate_every : steps between rows of the log, and between validations, up to 1e9.
    save_every : steps between saved states, up to 1e9; 0 saves at the end only.
    """

    out: str = "runs/restore"
    steps: int = 0
    minutes: float = 0.0
    batch: int = 16
    ema: tuple[float, ...] = (0.999,)
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    compile: bool = True
    weights: str = ""
    rank: int = 0
    log_every: int = 50
    validate_every: int = 1000
    save_every: int = 500


@dataclass(frozen=True)
class TrainConfig:
    """A whole training run; each field is a table of the TOML file.

    Parameters
    ----------
    data : the training pictures.
    backbone : the network, its noise levels and what it predicts.
    mix : shares of the tasks.
    loss : what is minimised.
    optim : the optimiser.
    run : length, size and place.
    fit : how the weights are fitted first, in training from noisy pictures only.

    Examples
    --------
    >>> TrainConfig(run=RunConfig(steps=100)).run.batch
    16
    """

    data: DataConfig = field(default_factory=DataConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    mix: Mix = field(default_factory=Mix)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    run: RunConfig = field(default_factory=RunConfig)
    fit: FitConfig = field(default_factory=FitConfig)


def read_config(
    path: str | Path, *, changes: Sequence[str] = (), noisy: bool = False, **run: Any
) -> TrainConfig:
    """Read and check a training configuration.

    Parameters
    ----------
    path : a TOML file with tables named after the fields of `TrainConfig`.
    changes : ``TABLE.KEY=VALUE`` that override the file, such as ``optim.lr=1e-3``. What is no TOML value is
        text.
    noisy : the training pictures are named elsewhere, so ``data.train`` may be empty.
    run : values of the run table (out, minutes, device, ...) that override both.

    Raises
    ------
    ConfigError
        For a file that cannot be read, unknown keys, wrong types and values out of range. The message names
        the file and the key.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
    ...     _ = file.write('data.train = ["photos"]')
    ...     file.flush()
    ...     config = read_config(file.name, changes=["optim.lr=0.002"], steps=100)
    >>> config.data.train, config.optim.lr, config.run.steps
    (('photos',), 0.002, 100)
    """
    path = Path(path)
    try:
        values = read_toml(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration ({error.strerror})") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    for change in changes:
        apply_change(values, change, str(path))
    source = " ".join([str(path), *(f"--set {plain(change)}" for change in changes)])
    config = build(TrainConfig, values, source)
    if "steps" not in run:  # else it is a short trial of a long run
        check_warmup(config, source)
    config = dataclasses.replace(config, run=dataclasses.replace(config.run, **run))
    check_ranges(config, source, noisy=noisy)
    return on_its_schedule(with_conditions(config))


def with_conditions(config: TrainConfig) -> TrainConfig:
    """Give a configuration whose backbone can be told what ``data.condition`` says of pictures."""
    if not config.data.condition:
        return config
    conditions = read_conditions(config.data)
    network = dataclasses.replace(config.backbone.network, given=conditions.vectors.shape[1])
    backbone = dataclasses.replace(config.backbone, labels=conditions.labels, network=network)
    return dataclasses.replace(config, backbone=backbone)


def on_its_schedule(config: TrainConfig) -> TrainConfig:
    """Give a configuration whose backbone knows the noise levels that it is trained at, and no others.

    These are the levels of its schedule that lie between ``sigma_min`` and ``sigma_max``, unless noise levels
    are drawn by log sigma.
    """
    if config.mix.levels == "log-sigma":
        return config
    backbone = config.backbone
    known = known_levels(backbone.diffusion, lowest=backbone.sigma_min, highest=backbone.sigma_max)
    backbone = dataclasses.replace(backbone, sigma_min=known[0], sigma_max=known[-1])
    return dataclasses.replace(config, backbone=backbone)
