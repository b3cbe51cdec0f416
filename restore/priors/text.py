"""Texts as vectors, by an encoder in a folder of the user's; none is in the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.images.outside import brief

AT_ONCE = 64


@torch.no_grad()
def encode(texts: Sequence[str], folder: str | Path) -> Tensor:
    """Give a vector for each text, by CLIP's text tower or by a sentence encoder.

    CLIP gives its text features, other models the mean of their last hidden states [1]_. Vectors are scaled
    to a mean square of 1. Nothing is downloaded.

    Parameters
    ----------
    texts : one or more.
    folder : a model with its tokenizer, as ``save_pretrained`` of the transformers package writes them.

    Returns
    -------
    ``(n, d)`` float32.

    Raises
    ------
    ConfigError
        Without the transformers package, and for a folder that holds no encoder.

    References
    ----------
    .. [1] N. Reimers, I. Gurevych (2019). Sentence-BERT: sentence embeddings using siamese BERT-networks.
       arXiv:1908.10084, section 3.
    """
    try:
        from transformers import AutoModel, AutoTokenizer  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise ConfigError("texts need the transformers package: pip install transformers") from None
    if not (Path(folder) / "config.json").is_file():
        raise ConfigError(
            f"{folder}: expected a folder with a text encoder (config.json, weights, tokenizer), found none"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model = AutoModel.from_pretrained(str(folder), local_files_only=True).eval()
        vectors = _features(texts, tokenizer, model)
    except Exception as error:  # whatever is wrong with the files of one of many models
        raise ConfigError(f"{folder}: its text encoder cannot be loaded ({brief(error)})") from None
    if vectors.ndim != 2 or len(vectors) != len(texts) or not torch.isfinite(vectors).all():
        raise ConfigError(f"{folder}: its text encoder gives no vectors of finite numbers")
    scaled: Tensor = vectors / vectors.square().mean(1, keepdim=True).sqrt().clamp_min(1e-12)
    return scaled


def _features(texts: Sequence[str], tokenizer: Any, model: Any) -> Tensor:
    """Give what the model makes of texts ``(n, d)``."""
    found = []
    for first in range(0, len(texts), AT_ONCE):
        tokens = tokenizer(
            list(texts[first : first + AT_ONCE]), padding=True, truncation=True, return_tensors="pt"
        )
        if hasattr(model, "get_text_features"):
            features = model.get_text_features(**tokens)
            features = getattr(features, "pooler_output", features)  # a record in newer versions
        else:
            states, seen = model(**tokens).last_hidden_state, tokens["attention_mask"][..., None].float()
            features = (states * seen).sum(1) / seen.sum(1)
        found.append(features.float())
    return torch.cat(found)
