"""Do variations of training pictures help a classifier? On few of scikit-learn's digits.

    python examples/digits.py runs/few --few 100
    python examples/variations.py runs/few/run/weights.safetensors runs/variations

A classifier is trained on a few digits, on these and variations of them, on these and copies with noise, and
on these and digits that the generator draws; each is scored on all other digits. A generator that has seen
those would not be fair: train it on the few, `python examples/digits.py runs/few --few 100`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from example_tools import digits, options_of
from sklearn.svm import SVC
from torchvision.transforms.functional import to_tensor
from torchvision.utils import save_image

import restore


def flat(pictures: torch.Tensor) -> np.ndarray:
    return pictures.mean(1).flatten(1).numpy()


def main(arguments: list[str] | None = None) -> None:
    parser = options_of(__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--few", type=int, default=100, help="pictures to train on")
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.1, 0.2, 0.3, 0.4, 0.5])
    options = parser.parse_args(arguments)
    prior, seeds = restore.load(options.weights), range(options.copies)
    labels, found = zip(*digits(), strict=True)
    pictures = torch.stack([to_tensor(picture) for picture in found])
    first, own, rest = pictures[: options.few], labels[: options.few], slice(options.few, None)

    def score(more: list[torch.Tensor]) -> float:
        model = SVC().fit(flat(torch.cat([first, *more])), own * (1 + len(more)))
        return float(model.score(flat(pictures[rest]), labels[rest]))

    print(f"{len(first)} digits alone: {score([]):.3f}")
    print(f"with noise: {score([first + 0.1 * torch.randn_like(first) for _ in seeds]):.3f}")
    for strength in options.strengths:
        varied = [restore.vary(first, strength, seed=seed, prior=prior) for seed in seeds]
        print(f"with variations of strength {strength}: {score(varied):.3f}")
    told = {"size": (16, 16), "label": own, "prior": prior}
    drawn = [restore.sample(len(first), seed=seed, **told) for seed in seeds]
    print(f"with digits drawn from noise: {score(drawn):.3f}")
    options.out.mkdir(parents=True, exist_ok=True)
    save_image(torch.cat([first[:20], varied[0][:20]]), options.out / "variations.png", nrow=20)


if __name__ == "__main__":
    main()
