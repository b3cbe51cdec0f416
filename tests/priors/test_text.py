"""Texts as vectors, by tiny encoders of random weights in local folders."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restore.errors import ConfigError
from restore.priors.text import encode

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "barn", "cat"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("encoder")
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_texts_become_vectors(encoder: Path) -> None:
    vectors = encode(["a red barn", "a cat", "a red barn"], encoder)
    assert vectors.shape == (3, 16)
    torch.testing.assert_close(vectors.square().mean(1), torch.ones(3))
    torch.testing.assert_close(vectors[0], vectors[2])
    assert (vectors[0] - vectors[1]).abs().max() > 0.01
    alone = encode(["a cat"], encoder)  # the padding beside longer texts does not count
    torch.testing.assert_close(alone[0], vectors[1], rtol=0, atol=1e-5)


def test_an_encoder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ConfigError, match=r"expected a folder with a text encoder \(config.json, weights"):
        encode(["a"], tmp_path)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="its text encoder cannot be loaded"):
        encode(["a"], tmp_path)
