"""Do variations of training pictures help a classifier? On few of scikit-learn's digits.

    python examples/digits.py runs/few --few 100
    python examples/variations.py runs/few/run/weights.safetensors runs/variations

A classifier is trained on a few digits, on these and variations of them, on these and copies with noise, and
on these and digits that the generator draws; each is scored on all other digits. A generator that has seen
those would not be fair: train it on the few, `python examples/digits.py runs/few --few 100`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from digits import write_digits
from sklearn.svm import SVC
from torchvision.utils import save_image

import restore
from restore.training.data import picture_names, read_pictures


def flat(pictures: torch.Tensor) -> np.ndarray:
    return pictures.mean(1).flatten(1).numpy()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--few", type=int, default=100, help="pictures to train on")
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.1, 0.2, 0.3, 0.4, 0.5])
    options = parser.parse_args(arguments)
    prior = restore.load(options.weights)
    write_digits(options.out / "pictures")
    names = picture_names(options.out / "pictures")
    labels = np.array([int(name.split("/")[0]) for name in names])
    place = {int(Path(name).stem): number for number, name in enumerate(names)}
    pixels = np.stack(list(read_pictures([options.out / "pictures"])))
    pictures = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    order = np.random.default_rng(0).permutation(len(labels))
    order = np.array([place[k] for k in order])  # the digits that digits.py --few trains on come first
    few, rest = order[: options.few], order[options.few :]
    first, own = pictures[few], np.tile(labels[few], 1 + options.copies)

    def score(more: list[torch.Tensor]) -> float:
        model = SVC().fit(flat(torch.cat([first, *more])), own[: len(few) * (1 + len(more))])
        return float(model.score(flat(pictures[rest]), labels[rest]))

    print(f"{len(few)} digits alone: {score([]):.3f}")
    noisy = [first + 0.1 * torch.randn_like(first) for _ in range(options.copies)]
    print(f"with noise: {score(noisy):.3f}")
    for strength in options.strengths:
        varied = [restore.vary(first, strength, seed=seed, prior=prior) for seed in range(options.copies)]
        print(f"with variations of strength {strength}: {score(varied):.3f}")
    drawn = [
        restore.sample(len(few), size=(16, 16), label=list(map(str, labels[few])), seed=seed, prior=prior)
        for seed in range(options.copies)
    ]
    print(f"with digits drawn from noise: {score(drawn):.3f}")
    save_image(torch.cat([first[:20], varied[0][:20]]), options.out / "variations.png", nrow=20)


if __name__ == "__main__":
    main()
