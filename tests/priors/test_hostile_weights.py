"""Weights from strangers: what their files say is refused in one line, before it costs anything."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli
from networks import SMALL
from safetensors import safe_open
from safetensors.torch import save_file
from soon import ends_soon
from torch import Tensor

from restore.errors import OutputError, WeightsError
from restore.images.outside import parse_array, parse_json, parse_toml, read_regular, shown
from restore.images.pickled import check_tensors, read_pickled
from restore.priors import checkpoint, tensor_header
from restore.priors.backbone import BackboneConfig
from restore.priors.checkpoint import config_from_dict, save, save_adapters, tensors_hash
from restore.priors.facts import parse_facts
from restore.priors.foreign import guided_diffusion
from restore.priors.foreign.attention_unet import AttentionUNet, AttentionUNetConfig
from restore.priors.foreign.backbone import ForeignConfig
from restore.priors.tensor_file import read_header
from restore.priors.unet import UNet, UNetConfig
from restore.testing import tiny_prior

LONG = 500  # characters of a message


def one_line(read: Callable[[], object], *, kind: type[Exception] = WeightsError) -> str:
    """What is said of what is refused: one line, and soon."""
    with ends_soon(), pytest.raises(kind) as caught:
        read()
    message = str(caught.value)
    assert message
    assert message.isprintable()
    assert len(message) < LONG
    return message


ABSURD: list[Any] = [
    None, True, False, -1, 0, 1, 2.5, 2**40, 10**18, -(2**40), 1e300, -0.5, float("nan"), float("inf"), "",
    "8",
    "x\n\x1b[2J", "y" * 10**6, [], {}, [None], [True], [-8, 8], [2**40, 8], [8.0, 8.0], [float("inf")], ["8"],
    [[8]], [8] * 14, [8] * 10**5, {"a": 1}, ["a\nb"], ["a"] * 10**6, [str(n) for n in range(70_000)],
    ["z" * 10**6, "a"],
]  # fmt: skip


def outcome(make: Callable[[], object]) -> str:
    """Empty where it can be made; else what is said, for which a ValueError or a TypeError is right."""
    try:
        with ends_soon():
            made = make()
    except (KeyError, TypeError, ValueError) as error:
        return str(error)
    if isinstance(made, BackboneConfig):
        assert sum(made.network.sizes) <= 2**30
        assert made.network.multiple <= 256
    return ""


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(UNetConfig)])
def test_every_absurd_field_of_a_network(field: str) -> None:
    whole = asdict(BackboneConfig(network=SMALL))
    for value in ABSURD:
        found = outcome(
            lambda value=value: config_from_dict({**whole, "network": {**whole["network"], field: value}})
        )  # type: ignore[misc]
        assert len(found) < LONG
        if value is True or value in (None, 2**40, "8", [[8]], ["8"]):
            assert found, (field, value)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(BackboneConfig)])
def test_every_absurd_field_of_a_backbone(field: str) -> None:
    whole = asdict(BackboneConfig(network=SMALL))
    for value in ABSURD:
        found = outcome(lambda value=value: config_from_dict({**whole, field: value}))  # type: ignore[misc]
        assert len(found) < LONG
        if value in (None, 10**18, 1e300, [[8]], ["a"] * 10**6, ["a\nb"]):
            assert found, (field, value)


FOREIGN = AttentionUNetConfig((32,), 1, attention=(False,), residual=(False,), middle_attention=False)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(AttentionUNetConfig)])
def test_every_absurd_field_of_a_foreign_network(field: str) -> None:
    for value in ABSURD:
        given = tuple(value) if isinstance(value, list) else value
        found = outcome(lambda given=given: dataclasses.replace(FOREIGN, **{field: given}))  # type: ignore[misc]
        assert len(found) < LONG
        if value in (10**18, "8", [[8]], [8] * 14, [8] * 10**5):
            assert found, (field, value)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ForeignConfig)])
def test_every_absurd_field_of_a_foreign_backbone(field: str) -> None:
    for value in ABSURD:
        found = outcome(lambda value=value: dataclasses.replace(ForeignConfig(FOREIGN), **{field: value}))  # type: ignore[misc]
        assert len(found) < LONG
        if value is True or value in (10**18, 1e300, "8", [[8]]):
            assert found, (field, value)


@pytest.mark.parametrize(
    "config",
    [
        UNetConfig(channels=(8, 12, 16), blocks=2, embedding=8, attention=(0, 2), given=5),
        UNetConfig(channels=(8,), blocks=1, embedding=16, inputs=4, outputs=6),
    ],
)
def test_sizes_are_those_of_the_network(config: UNetConfig) -> None:
    assert sorted(config.sizes) == sorted(t.numel() for t in UNet(config).state_dict().values())


@pytest.mark.parametrize("middle_groups", [None, 0, 4])
@pytest.mark.parametrize("residual", [(False, False, False), (True, False, True)])
def test_sizes_are_those_of_the_foreign_network(
    middle_groups: int | None, residual: tuple[bool, ...]
) -> None:
    config = AttentionUNetConfig(
        (8, 16, 16), 2, (False, True, True), residual, outputs=6, classes=3, head_channels=8, groups=8,
        scale_shift=middle_groups is None, middle_groups=middle_groups,
    )  # fmt: skip
    assert sorted(config.sizes) == sorted(t.numel() for t in AttentionUNet(config).state_dict().values())


# --- safetensors ----------------------------------------------------------------------------------


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save(tiny_prior(), path, dtype=torch.float32)
    return path


def refused(path: Path) -> str:
    return one_line(lambda: checkpoint.load(path, device="cpu", dtype=torch.float32))


def rewritten(path: Path, tensors: dict[str, Tensor] | None = None, **metadata: str) -> Path:
    with safe_open(path, framework="pt") as file:
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no dictionary)
        told = dict(file.metadata())
    if tensors is not None:
        held |= tensors
        told["sha256"] = tensors_hash(held)
    save_file(held, path, told | metadata)
    return path


def test_a_million_blocks_take_no_time(sound: Path) -> None:
    config = asdict(tiny_prior().config)
    for network in ({"blocks": 10**6}, {"channels": [8] * 14}, {"blocks": 64, "channels": [8] * 8}):
        told = json.dumps({**config, "network": config["network"] | network})
        refused(rewritten(sound, config=told))


def raw(header: bytes | dict[str, Any], data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(*shape: int, begin: int = 0, end: int = 8, kind: str = "F32") -> dict[str, Any]:
    return {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        raw(b"", length=2**63),
        raw(b"{}", length=10**8),
        raw(b"[]"),
        raw(b"7"),
        raw(b"\xff\xfe"),
        raw(b"{" * 100_000),
        raw(b"[" * 100_000),
        raw(b'{"a":' * 50_000),
        raw({"a": tensor(2)}),  # no data
        raw({"a": tensor(2)}, bytes(9)),
        raw({"a": tensor(3)}, bytes(8)),
        raw({"a": tensor(2), "b": tensor(2)}, bytes(8)),  # the same bytes
        raw({"a": tensor(2, begin=4, end=12)}, bytes(12)),
        raw({"a": tensor(2, begin=8, end=0)}, bytes(8)),
        raw({"a": tensor(2**40, 2**40, 2**40)}, bytes(8)),
        raw({"a": tensor(2**62, 0, end=0)}),
        raw({"a": tensor(*[1] * 100, end=4)}, bytes(4)),
        raw({"a": tensor(-2)}, bytes(8)),
        raw({"a": tensor(2, kind="X9")}, bytes(8)),
        raw({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
        raw({"a": {**tensor(2), "shape": [2.0]}}, bytes(8)),
        raw({"a": {**tensor(2), "shape": 2}}, bytes(8)),
        raw({"__metadata__": {"a": 1}}),
        raw(b'{"a":%s,"a":%s}' % ((json.dumps(tensor(2)).encode(),) * 2), bytes(8)),
        raw(b'{"__metadata__":{"format":"a","format":"b"}}'),
        raw({f"t{n}": tensor(0, end=0) for n in range(30_000)}),
        raw({"a": {**tensor(2), "data_offsets": [0, 10**400]}}, bytes(8)),
    ],
)
def test_headers_that_lie(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lie.safetensors"
    path.write_bytes(content)
    assert "damaged, or not a safetensors file" in refused(path)


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.safetensors"
    os.mkfifo(pipe)
    link = tmp_path / "link.safetensors"
    link.symlink_to("/dev/zero")
    for path in (pipe, link):
        assert "expected a regular file, got a pipe or a device" in refused(path)
    assert "expected a weights file, got a folder" in refused(tmp_path)


def test_an_enormous_file_of_nothing_is_not_read(sound: Path) -> None:
    """A sparse file of terabytes: it is refused by its header."""
    config = tiny_prior().config
    header = {
        "__metadata__": {
            "format": checkpoint.FORMAT, "config": json.dumps(asdict(config)), "facts": "{}", "sha256": "0",
        },
        "stem.weight": tensor(2**40, end=2**42),
    }  # fmt: skip
    sound.write_bytes(raw(header))
    os.truncate(sound, sound.stat().st_size + 2**42)
    assert "lacks tensor" in refused(sound)


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(12, dtype=torch.int32),
        torch.zeros(12, dtype=torch.bool),
        torch.zeros(12, dtype=torch.complex64),
        torch.zeros(12).to(torch.float8_e4m3fn),
        torch.zeros(()),
        torch.zeros(0),
        torch.zeros(12, 1),
    ],
    ids=lambda t: f"{t.dtype} {tuple(t.shape)}",
)
def test_tensors_of_other_kinds(sound: Path, value: Tensor) -> None:
    assert "tensor head.bias is" in refused(rewritten(sound, {"head.bias": value}))


@pytest.mark.parametrize(
    "facts",
    [
        "null", "[]", "5", "[" * 10**5, '{"a": NaN}', '{"steps": Infinity}', '{"a": 1e999}',
        '{"a": 1, "a": 2}',
        '{"a": %s}' % ("9" * 5000), '{"steps": "many"}', '{"steps": true}', '{"mix": 5}',
        '{"mix": {"real": "x"}}',
        '{"mix": {"real": null}}', '{"fit": 5}', '{"fit": []}', '{"fit": {}}', '{"fit": {"branch": 5}}',
        '{"fit": {"branch": "gaussian"}}', '{"fit": {"branch": "gaussian", "noise": {"sigma": "5"}}}',
        '{"fit": {"branch": "blind", "noise": 7}}', '{"fingerprints": 5}', '{"fingerprints": "***"}',
        '{"adapts": 5}', '{"noise_adapters": {}}', '{"adapts": "\\u001b[2J"}', '{"runs": {}}',
        '{"runs": [5]}',
        '{"loss": [1]}', '{"optim": {"lr": null}}', '{"crop": []}', '{"ema": "x"}', '{"device": 7}',
        '{"loss": {"lpips": Infinity}}',
    ],
)  # fmt: skip
def test_facts_that_nothing_can_be_done_with(sound: Path, facts: str) -> None:
    assert "its configuration cannot be read" in refused(rewritten(sound, facts=facts))


def test_facts_of_all_versions_are_read() -> None:
    infinite = '{"loss": {"picture_sigma": Infinity, "kind": "v", "balance": true}, "note": {"a": [1, null]}}'
    assert parse_facts(infinite)["loss"]["picture_sigma"] == float("inf")
    assert parse_facts('{"fit": {"branch": "blind"}}') == {"fit": {"branch": "blind"}}
    for path in (checkpoint.shipped_weights(), checkpoint.noise_adapters()):
        with safe_open(path, framework="pt") as file:
            assert parse_facts(file.metadata()["facts"])["crops"] > 0


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "\u202eb"])
def test_words_among_the_facts_can_be_printed(sound: Path, name: str) -> None:
    assert "its configuration cannot be read" in refused(rewritten(sound, facts=json.dumps({"name": name})))


def test_a_header_that_could_not_be_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    told = {"facts": "x" * 40_000_000}
    checkpoint.write_tensors(path, {"a": torch.zeros(1)}, told)
    assert read_header(path)[0] == told  # as large as safetensors itself writes and reads
    monkeypatch.setattr(tensor_header, "MOST_HEADER", 1000)
    before = path.stat()
    with pytest.raises(WeightsError, match=r"could not be loaded again .*, expected at most 1000"):
        checkpoint.write_tensors(path, {"a": torch.zeros(1)}, told)
    assert path.stat() == before and list(tmp_path.iterdir()) == [path]


def test_facts_that_could_not_be_read_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    assert "could not be loaded again" in one_line(lambda: save(tiny_prior(steps="many"), path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [("config", "unknown key novelty"), ("network", "unknown key novelty")],
)
def test_unknown_keys_are_named(sound: Path, name: str, message: str) -> None:
    config = asdict(tiny_prior().config)
    (config if name == "config" else config["network"])["novelty"] = 1
    assert message in refused(rewritten(sound, config=json.dumps(config)))


def adapters_of(path: Path, changes: dict[str, Tensor | None]) -> Path:
    """Adapters of the weights in a file, beside it."""
    with safe_open(path, framework="pt") as file:
        digest = file.metadata()["sha256"]
    tensors = {"stem.A": torch.zeros(2, 324), "stem.B": torch.zeros(8, 2), **changes}
    own = path.with_name("own.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    save_adapters(kept, own, base=digest, facts={})
    return own


@pytest.mark.parametrize(
    "changes",
    [
        {"stem.A": torch.zeros(())},
        {"stem.A": torch.zeros(324)},
        {"stem.B": torch.zeros(16)},
        {"stem.A": torch.zeros(0, 324), "stem.B": torch.zeros(8, 0)},
        {"stem.A": torch.zeros(2, 324, 1)},
        {"stem.A": torch.zeros(3, 324)},
        {"stem.A": torch.zeros(2, 323)},
        {"stem.B": torch.zeros(9, 2)},
        {"stem.B": None},
        {"stem.C": torch.zeros(2)},
        {"zoo.A": torch.zeros(2, 4), "zoo.B": torch.zeros(4, 2)},
        {"zoo\n.A": torch.zeros(2, 4), "zoo\n.B": torch.zeros(4, 2)},
        {"A": torch.zeros(2, 4)},
        {"embed.0.A": torch.zeros(2, 4), "embed.0.B": torch.zeros(8, 2)},  # no convolution
    ],
    ids=str,
)
def test_adapters_that_do_not_fit(sound: Path, changes: dict[str, Tensor | None]) -> None:
    assert "these adapters do not fit their weights" in refused(adapters_of(sound, changes))


def test_adapters_of_other_numbers(sound: Path) -> None:
    checkpoint.load(adapters_of(sound, {}), device="cpu")
    own = adapters_of(sound, {"stem.A": torch.full((2, 324), 6e4), "stem.B": torch.full((8, 2), 6e4)})
    half = {name: t.half() for name, t in tiny_prior().network.state_dict().items()}
    save_file(half, sound, {**metadata_of(sound), "sha256": tensors_hash(half)})
    refused(rewritten(own, base=tensors_hash(half)))  # the sum is infinite in half precision
    whole_numbers = {"stem.A": torch.zeros(2, 324, dtype=torch.int64)}
    refused(rewritten(own, whole_numbers, base=tensors_hash(half)))
    refused(rewritten(own, base="\x1b[2J" * 1000))


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


@pytest.mark.slow
def test_a_wrong_hash_costs_little_memory(tmp_path: Path) -> None:
    """Half of the file is all that is held beside it. Of what torch holds only the heap's part is traced."""
    big = torch.zeros(10_000_000)
    held = tensors_hash({"a": big})
    tracemalloc.start()
    try:
        assert tensors_hash({"a": big}) == held
        checkpoint.check_finite(tmp_path, {"a": big})
        assert tracemalloc.get_traced_memory()[1] < 1_000_000  # no copy of the 40 MB
    finally:
        tracemalloc.stop()


# --- writing --------------------------------------------------------------------------------------


def test_a_planted_link_is_not_followed(sound: Path) -> None:
    victim = sound.with_name("victim")
    victim.write_text("mine")
    for name in ("weights.safetensors.part", ".weights.safetensors.part"):
        sound.with_name(name).symlink_to(victim)
    save(tiny_prior(), sound)
    assert victim.read_text() == "mine"
    assert sound.with_name("weights.safetensors.part").is_symlink()


def test_a_file_that_appears_meanwhile_is_kept(sound: Path) -> None:
    with pytest.raises(OutputError, match="already there"):
        checkpoint.write_tensors(sound, {"a": torch.zeros(1)}, {}, overwrite=False)


# --- torch files ----------------------------------------------------------------------------------


class Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/restore-was-run",)


def refused_pickle(path: Path) -> str:
    return one_line(lambda: guided_diffusion.read(path))


@pytest.mark.parametrize("ending", [".pt", ".pth", ".ckpt", ".bin", ".joblib"])
def test_code_is_named_and_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"code{ending}"
    torch.save({"state_dict": Code()}, path)
    assert "holds code (posix.system); refused" in refused_pickle(path)
    torch.save({"a": Code()}, path, _use_new_zipfile_serialization=False)
    assert "holds code (posix.system); refused" in refused_pickle(path)
    torch.save(torch.nn.Linear(2, 2), path)
    assert "holds code (torch.nn.modules.linear.Linear); refused" in refused_pickle(path)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps({"a": Code()}, protocol))
        assert "holds code (posix.system); refused" in refused_pickle(path)
    path.write_bytes(pickle.dumps({"a": np.array([Code()], dtype=object)}))
    assert "holds code" in refused_pickle(path)
    assert not Path("/tmp/restore-was-run").exists()


def repacked(path: Path, method: int, more: dict[str, bytes] | None = None) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in {**entries, **(more or {})}.items():
            archive.writestr(name, data)


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    torch.save({"a": torch.zeros(100_000)}, path)
    repacked(path, zipfile.ZIP_DEFLATED)
    assert "compressed" in refused_pickle(path)
    repacked(path, zipfile.ZIP_STORED)
    assert "it lacks input_blocks" in refused_pickle(path)
    torch.save({"a": torch.zeros(1).expand(10**6, 10**6)}, path)
    assert "numbers are repeated" in refused_pickle(path)
    torch.save({f"t{n}": torch.zeros(10_000)[None] for n in range(2)}, path)
    shared = torch.zeros(10_000)
    torch.save({f"t{n}": shared.view(100, 100) for n in range(50)}, path)
    assert "numbers are repeated" in refused_pickle(path)


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(2, 2).to_sparse(),
        torch.empty(2, device="meta"),
        pytest.param("quantised", id="quantised"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_tensors_without_plain_numbers(tmp_path: Path, value: Any) -> None:
    if isinstance(value, str):
        value = torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8)
    path = tmp_path / "odd.pt"
    torch.save({"a": value}, path)
    assert "expected plain floating-point numbers" in refused_pickle(path)


def test_torch_files_that_are_none(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.pt"
    os.mkfifo(pipe)
    assert "expected a regular file" in refused_pickle(pipe)
    path = tmp_path / "none.pt"
    for content in (
        b"",
        b"PK\x03\x04",
        b"PK\x03\x04" + bytes(1000),
        b"\x80\x02",
        b"\x80\x02}q\x00.",
        b"x" * 1000,
    ):
        path.write_bytes(content)
        refused_pickle(path)


def test_what_convert_says(tmp_path: Path) -> None:
    path = tmp_path / "evil.ckpt"
    torch.save({"a": Code()}, path)
    made = cli("convert", path, "-o", tmp_path / "out.safetensors")
    assert made.exit_code == 1
    assert made.stderr.splitlines() == [
        f"error: {path}: cannot be read as tensors alone (it holds code (posix.system); refused: only "
        "tensors are read)"
    ]
    assert [each.name for each in tmp_path.iterdir()] == ["evil.ckpt"]


def test_tensors_as_they_are_pass(tmp_path: Path) -> None:
    path = tmp_path / "plain.pt"
    state = {"a": torch.arange(6.0).view(2, 3).T, "b": torch.nn.Parameter(torch.ones(2))}
    for new in (True, False):
        torch.save(state, path, _use_new_zipfile_serialization=new)
        found = check_tensors(read_pickled(path), path.stat().st_size)
        assert torch.equal(found["a"], state["a"])
        assert torch.equal(found["b"], state["b"])


# --- words and numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "9" * 5000,
        "a = 0x" + "f" * 5000,
        "a = " + "[" * 100_000,
        "a = " + "{a=" * 50_000,
        "a = [" + "']'," * 9 + '["]", # ]\n' * 900,
        "a = " + "'''" + "[" * 900 + "'''''" + "\nb = " + "[" * 900,
        "a = " + '"""' * 100_001,
        "a = " + "[" * 30 + '"' + '\\"' * 100_000,
        ".".join(["a"] * 30_000) + " = 1",
        "[" + ".".join(["a"] * 30_000) + "]",
        " . ".join(['"a"'] * 30_000) + " = 1",
        "\ufeffa = 1",
        "a = 1\0",
        "a = 1\na = 2",
        "a = 2024-99-99",
        "x" * 10**6,
    ],
    ids=lambda text: text[:12],
)
def test_toml_from_strangers(text: str) -> None:
    one_line(lambda: parse_toml(text), kind=ValueError)


def test_toml_as_people_write_it() -> None:
    text = "a.b.c = 1\n# " + ". " * 100 + '\nd = "' + "./" * 200 + '"\n[t]\nl = [[1, 2], [3]]\n'
    assert parse_toml(text)["a"] == {"b": {"c": 1}}
    many = "[" * 100
    text = f'a = "{many}" # {many}\nb = \'{many}\'\nc = """\n{many}"\\""""\nd = \'\'\'{many}\'\'\'\'\n'
    text += "e = [" + "[1], " * 100 + "\"\", '']\n" + "[[f]]\n" * 50
    assert [parse_toml(text)[name].count("[") for name in "abcd"] == [100] * 4


@pytest.mark.parametrize(
    "text", ["[" * 10**5, '{"a":' * 10**5, "9" * 5000, "1e999", "NaN", "-Infinity", '{"a":1,"a":1}', "", "{"]
)
def test_json_from_strangers(text: str) -> None:
    one_line(lambda: parse_json(text), kind=ValueError)


def npy(**header: Any) -> bytes:
    told = {"descr": "<f4", "fortran_order": False, "shape": (2, 3), **header}
    text = repr(told).encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(24)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x93NUMPY", npy(shape=(10**12,)), npy(shape=(2**62, 0)), npy(shape=(-2, -3)),
        npy(shape=(2.0, 3)),
        npy(descr="|O"), npy(descr="x"), npy(shape=(2, 4)), npy(shape=(1,) * 40), b"PK\x03\x04",
    ],
)  # fmt: skip
def test_arrays_from_strangers(data: bytes) -> None:
    one_line(lambda: parse_array(data), kind=ValueError)


def test_an_array_is_numpys(tmp_path: Path) -> None:
    for order in ("C", "F"):
        values = np.arange(6, dtype=np.float64).reshape(2, 3, order=order)  # type: ignore[call-overload]
        np.save(tmp_path / "a.npy", values)
        assert (parse_array((tmp_path / "a.npy").read_bytes()) == values).all()


def test_files_without_an_end(tmp_path: Path) -> None:
    assert "pipe or a device" in one_line(lambda: read_regular("/dev/zero", most=10), kind=OSError)
    large = tmp_path / "large.toml"
    large.touch()
    os.truncate(large, 2**40)
    assert "larger than 10 bytes" in one_line(lambda: read_regular(large, most=10), kind=ValueError)


def test_what_is_shown_is_short() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    for value in (10**5000, "x" * 10**6, "\x1b[2J", deep, {"a" * 1000: "b" * 1000}, [10**5000], float("nan")):
        assert len(shown(value)) <= 200
        assert shown(value).isprintable()
    assert shown("lots") == "'lots'"
    assert read_header(checkpoint.noise_adapters())[0]["format"] == "restore-adapter-1"
