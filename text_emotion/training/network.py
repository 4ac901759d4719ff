"""The classifier as PyTorch trains it: a BERT encoder, mean pooling, one linear layer. Knows no data and no
optimizer.

Written out instead of taken from transformers because 60 lines are enough, start faster and cannot change
under us; parameter names are those of Hugging Face's BertModel, so its checkpoints load, and a test holds
the two against each other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn


@dataclass(frozen=True)
class BertConfig:
    """The sizes in a Hugging Face config.json."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12

    @staticmethod
    def read(path: Path) -> BertConfig:
        """From config.json; ValueError unless it is a BERT with absolute positions and GELU."""
        content = json.loads(path.read_text(encoding="utf-8"))
        kind = (
            content.get("model_type"),
            content.get("hidden_act"),
            content.get("position_embedding_type", "absolute"),
        )
        if kind != ("bert", "gelu", "absolute"):
            raise ValueError(f"{path}: is {kind}, expected ('bert', 'gelu', 'absolute')")
        return BertConfig(
            **{name: content[name] for name in BertConfig.__dataclass_fields__ if name in content}
        )


class _SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor, mask: Tensor, dropout: float) -> Tensor:
        def split(y: Tensor) -> Tensor:
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [batch, head, token, width / heads]

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        y = F.scaled_dot_product_attention(q, k, v, mask, dropout if self.training else 0.0)
        return y.transpose(1, 2).flatten(2)


class _Output(nn.Module):
    def __init__(self, inside: int, outside: int, eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inside, outside)
        self.LayerNorm = nn.LayerNorm(outside, eps)

    def forward(self, x: Tensor, residual: Tensor, dropout: float) -> Tensor:
        result: Tensor = self.LayerNorm(F.dropout(self.dense(x), dropout, self.training) + residual)
        return result


class _Layer(nn.Module):
    def __init__(self, c: BertConfig) -> None:
        super().__init__()
        self.attention = nn.Module()
        self.attention.self = _SelfAttention(c.hidden_size, c.num_attention_heads)
        self.attention.output = _Output(c.hidden_size, c.hidden_size, c.layer_norm_eps)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(c.hidden_size, c.intermediate_size)
        self.output = _Output(c.intermediate_size, c.hidden_size, c.layer_norm_eps)

    def forward(self, x: Tensor, mask: Tensor, dropout: float) -> Tensor:
        x = self.attention.output(self.attention.self(x, mask, dropout), x, dropout)
        return self.output(F.gelu(self.intermediate.dense(x)), x, dropout)


class Classifier(nn.Module):
    """Word pieces -> one logit a class."""

    def __init__(self, config: BertConfig, classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.config, self.dropout = config, dropout
        width = config.hidden_size
        self.embeddings = nn.Module()
        self.embeddings.word_embeddings = nn.Embedding(config.vocab_size, width)
        self.embeddings.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.embeddings.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.embeddings.LayerNorm = nn.LayerNorm(width, config.layer_norm_eps)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))
        self.head = nn.Linear(width, classes)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """ids int [batch, token], padded with anything behind `lengths` int [batch]; returns [batch,
        class].
        """
        e = self.embeddings
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = e.word_embeddings(ids) + e.position_embeddings(positions) + e.token_type_embeddings.weight[0]
        x = F.dropout(e.LayerNorm(x), self.dropout, self.training)
        real = positions < lengths[:, None]  # [batch, token]
        mask = real[:, None, None, :]
        for layer in self.encoder.layer:
            x = layer(x, mask, self.dropout)
        pooled = (x * real[..., None]).sum(1) / lengths[:, None]
        result: Tensor = self.head(F.dropout(pooled, self.dropout, self.training))
        return result


def load_pretrained(folder: Path, classes: int, dropout: float = 0.1) -> Classifier:
    """A classifier with the body of a Hugging Face BERT folder (config.json, model.safetensors) and a new
    head.
    """
    model = Classifier(BertConfig.read(folder / "config.json"), classes, dropout)
    weights = {
        name.removeprefix("bert."): tensor.float()
        for name, tensor in load_file(folder / "model.safetensors").items()
    }
    result = model.load_state_dict(weights, strict=False)
    spare = [
        name for name in result.unexpected_keys if not name.startswith(("pooler.", "embeddings.position_ids"))
    ]
    missing = [name for name in result.missing_keys if not name.startswith("head.")]
    if spare or missing:
        raise ValueError(
            f"{folder / 'model.safetensors'}: lacks {missing[:3]}, has unknown {spare[:3]}; "
            "expected a BertModel"
        )
    return model
