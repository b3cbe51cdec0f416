"""What the public functions say of arguments that they cannot take: one line of ours that names them."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest
import torch

import restore
from restore.inverse.operators import Gray
from restore.priors.backbone import Backbone
from restore.tasks.checked import check_arguments
from restore.testing import tiny_prior

PICTURE = np.random.default_rng(0).integers(0, 255, (16, 20, 3), dtype=np.uint8)
MASK = np.zeros((16, 20), bool)
MASK[4:8, 4:8] = True
LEAST: dict[str, tuple[Any, dict[str, Any]]] = {
    "denoise": (PICTURE, {"sigma": 20}),
    "inpaint": (PICTURE, {"mask": MASK}),
    "upscale": (PICTURE, {"scale": 2}),
    "dejpeg": (PICTURE, {"quality": 30}),
    "erase": (PICTURE, {"box": (4, 4, 5, 5)}),
    "repair": (PICTURE, {}),
    "solve": (PICTURE, {"operator": Gray, "sigma": 5}),
    "deblur": (PICTURE, {"kernel": "motion:5:30"}),
    "colorize": (PICTURE, {}),
    "vary": (PICTURE, {}),
    "sample": (1, {"size": (16, 16)}),
}
HOLEY = PICTURE[:8, :8].astype(np.float32) / 255
HOLEY[2, 2] = np.nan

PICTURES = [
    *(0, "", "no/such.png", "a\0b", ".", b"x", object(), {}, [None], [[1, 2], [3]]),
    *(
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((5, 5, 3), object),
        np.zeros((5, 5, 7), np.uint8),
        np.zeros(()),
    ),
    *(np.array([["a", "b"]]), np.zeros((8, 8, 3), np.complex64), HOLEY, torch.zeros(0), torch.zeros(5, 8, 8)),
    *(torch.full((3, 8, 8), float("nan")), torch.zeros(1, 3, 8, 8).to_sparse()),
]
MASKS = [*PICTURES[:16], np.zeros((20, 16), bool), np.full((16, 20), np.nan), np.full((16, 20), 3.0)]
NOT_NUMBERS = [
    "20",
    "",
    b"20",
    float("nan"),
    float("inf"),
    -1,
    10**30,
    [],
    {},
    1j,
    object(),
    np.zeros((3, 3)),
    np.array([]),
]
NOT_WHOLE = [*NOT_NUMBERS, 1.5, torch.tensor(1.5)]
NOT_NAMES = ["magic", "", 0, 1.5, b"x", [], {}, np.zeros(2)]
VALUES: dict[str, list[Any]] = {
    "image": [None, *PICTURES],
    "mask": MASKS,
    "reference": PICTURES,
    "infrared": [np.zeros((3, 3), np.uint8), "x", object(), torch.zeros(1, 3, 8, 8).to_sparse()],
    "n": [*NOT_WHOLE, 0, None],
    "size": [5, "8x8", (0, 8), (8,), (8, 8, 8), (1.5, 8), "ab"],
    "steps": [*NOT_WHOLE, 0],
    "seed": NOT_WHOLE,
    "grow": NOT_WHOLE,
    "feather": NOT_WHOLE,
    "radius": [*NOT_NUMBERS[:6], *NOT_NUMBERS[7:], 0],
    "sigma": [*NOT_NUMBERS, 300],
    "scale": [*NOT_NUMBERS, 0, 0.9, None],
    "strength": [*NOT_NUMBERS, 2, None],
    "quality": [*NOT_NUMBERS, 0, 101],
    "guidance": [*NOT_NUMBERS, None],
    **{key: [*NOT_NUMBERS, 2] for key in ("luma", "chroma", "eta")},
    "start": [*NOT_NUMBERS, 100],
    "estimate": [*NOT_NAMES, None],
    **dict.fromkeys(("method", "sampler", "variance"), NOT_NAMES),
    **{key: [*NOT_NAMES, None] for key in ("ladder", "thresholding")},
    "prior": ["weights.safetensors", Path("x"), 0.5, object()],
    "device": ["cuda:9", "gpu", "", -1, object()],
    "dtype": ["float32", 0, object(), {}, torch.int8],
    "data_range": ["", 5, (1,), (3, 1), (0, float("nan")), np.zeros((3, 3))],
    "noise": ["x", 5, [], object(), np.zeros(2)],
    "coding": ["x", 5, object(), np.zeros(2)],
    **{key: ["yes", 2, [], object()] for key in ("specks", "consistent")},
    "kernel": [None, "x", "", 5, object(), {}, np.zeros((3, 3)), -np.ones((3, 3)), np.zeros((0, 0))],
    "operator": [None, "x", 5, object()],
    "box": ["x", (1, 2), (0, 0, 0, 0), (0, 0, 99, 99), np.zeros((3, 3)), (0.5, 0, 3, 3)],
    "at": ["x", (1,), (99, 99), np.zeros((3, 3))],
    "sensitivity": ["x", 0, 1, float("nan"), None, [], np.zeros(2)],
    "only": ["x", 1, [], np.zeros(2)],
}
RAW = (
    "not supported between", "ambiguous", "unhashable", "not callable", "has no attribute", "Could not infer",
    "cannot be interpreted", "unsupported operand", "could not convert", "invalid literal",
)  # fmt: skip
NAMED = {
    "image": "",
    "mask": "",
    "reference": "",
    "device": "",
    "prior": "",
    "data_range": "",
    "kernel": "",
    "n": "",
}
"""Arguments whose messages speak of pictures, masks, files and devices."""


@pytest.fixture(scope="module")
def prior() -> Backbone:
    return tiny_prior()


def is_ours(traceback: TracebackType | None) -> bool:
    """Whether an exception was raised by a line of the package."""
    assert traceback is not None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return str(Path(restore.__file__).parent) in traceback.tb_frame.f_code.co_filename


def fault_of(task: str, name: str, value: Any, prior: Backbone) -> str:
    """What is wrong with the refusal of a value; empty where nothing is."""
    first, rest = LEAST[task]
    function, options = getattr(restore, task), {"prior": prior, **rest, name: value}
    if "steps" in inspect.signature(function).parameters and task != "denoise":
        options.setdefault("steps", 1)
    if name in ("device", "dtype"):
        del options["prior"]
    if name in ("image", "n"):
        first = options.pop(name)
    try:
        function(first, **options)
    except (ValueError, TypeError, restore.RestoreError) as error:
        text = str(error)
        wrong = [] if is_ours(error.__traceback__) else ["not raised by the package"]
        wrong += ["more than a line"] if "\n" in text or len(text) > 400 else []
        wrong += [f"a raw message ({word})" for word in RAW if word in text]
        wrong += [] if NAMED.get(name, name) in text or name == "quality" else ["the argument is not named"]
        return f"{', '.join(wrong)}: {type(error).__name__}: {text}" if wrong else ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


@pytest.mark.parametrize("task", LEAST)
@pytest.mark.filterwarnings("ignore")
def test_bad_values_are_refused_in_a_line_of_ours(task: str, prior: Backbone) -> None:
    taken = set(inspect.signature(getattr(restore, task)).parameters)
    if "options" in taken:
        taken |= {"steps", "seed", "estimate", "prior"}
    faults = []
    for name in sorted(taken & VALUES.keys()):
        for value in VALUES[name]:
            if problem := fault_of(task, name, value, prior):
                told = " ".join(repr(value).split())[:50]
                faults.append(f"{task}({name}={told}): {problem}")
    assert not faults, "\n".join(faults)


def test_all_tasks_and_what_they_take_are_in_the_table() -> None:
    others = {"RestoreError", "load", "damage_mask", "erase_mask"}
    assert set(restore.__all__) - others == set(LEAST)


def test_none_is_for_arguments_that_may_be_left_out() -> None:
    def task(image: Any, *, scale: float, strength: float = 1.0, start: float | None = None) -> None:
        pass

    check_arguments({"start": None, "seed": None}, task)
    check_arguments({"scale": None})
    for name in ("scale", "strength"):
        with pytest.raises(TypeError, match=f"^{name} is one number, got None$"):
            check_arguments({name: None}, task)
