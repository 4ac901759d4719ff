"""Foreign classifiers, made here: tiny seeded BERTs saved as transformers saves them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

from tests.text_emotion.conftest import tiny_config, tiny_tokenizer
from text_emotion import hugging_face

EKMAN = ["sadness", "joy", "love", "anger", "fear", "surprise"]


def make(folder: Path, labels: list[str], *, problem_type: str | None = None, headless: bool = False) -> Path:
    """A folder with a seeded classifier of these labels."""
    torch.manual_seed(1)
    sizes = {key: value for key, value in tiny_config().items() if key != "model_type"}
    names = dict(enumerate(labels))
    config = BertConfig(
        **sizes, id2label=names, label2id={n: i for i, n in names.items()}, problem_type=problem_type
    )
    model = (BertModel if headless else BertForSequenceClassification)(config)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer(), unk_token="[UNK]", pad_token="[PAD]"
    )
    tokenizer.save_pretrained(folder)
    return folder


def raw(folder: Path, text: str) -> torch.Tensor:
    """The logits of the folder's model, read the plain way."""
    model = BertForSequenceClassification.from_pretrained(folder).eval()
    ids = torch.tensor([tiny_tokenizer().encode(text).ids])
    ids = ids[:, ids[0] != 0]  # without the padding of the made tokenizer
    with torch.inference_mode():
        logits: torch.Tensor = model(ids).logits[0]
    return logits


def test_labels_are_mapped_by_name_and_one_emotion_adds_up(tmp_path: Path) -> None:
    folder = make(tmp_path / "m", EKMAN)
    model = hugging_face.load(folder)
    share = torch.softmax(raw(folder, "i love it so"), -1).numpy()
    row = model.read(["i love it so"])[0]
    expected = [share[3], 0, share[4], share[1] + share[2], 0, share[0], share[5]]
    np.testing.assert_allclose(row, expected, atol=1e-5)  # two ways of batching the same sums
    assert row.dtype == np.float32 and model.names == hugging_face.NAMES


def test_a_multi_label_model_gives_independent_probabilities(tmp_path: Path) -> None:
    labels = ["admiration", "annoyance", "anger", "neutral", "Disgust", "unheard_of"]
    folder = make(tmp_path / "m", labels, problem_type="multi_label_classification")
    p = torch.sigmoid(raw(folder, "so gross")).numpy()
    row = hugging_face.load(folder).read(["so gross"])[0]
    np.testing.assert_allclose(row, [max(p[1], p[2]), p[4], 0, p[0], p[3], 0, 0], atol=1e-5)


def test_texts_are_read_one_by_one_and_any_text_is_read(tmp_path: Path) -> None:
    model = hugging_face.load(make(tmp_path / "m", EKMAN))
    texts = ["i love it", "wow " * 5_000, "x" * 10**6, "\ud800 odd", "😀", "我很高兴", "\x00"]
    together = model.read(texts)
    np.testing.assert_array_equal(together, np.concatenate([model.read([text]) for text in texts]))
    assert np.isfinite(together).all() and together.max() <= 1
    assert model.read(["", " \n"])[:, 4].tolist() == [1, 1]


def test_coverage_is_what_the_vocabulary_does_not_call_unknown(tmp_path: Path) -> None:
    model = hugging_face.load(make(tmp_path / "m", EKMAN))
    assert model.coverage("i love it") == 1
    assert model.coverage("我很高兴") == 0
    assert model.coverage("love 我很高兴") == pytest.approx(0.5)
    assert model.coverage("") == model.coverage("!?") == 1


@pytest.mark.parametrize(
    "labels", [["LABEL_0", "LABEL_1", "LABEL_2"], ["positive", "negative", "neutral"], ["joy", "other"]]
)
def test_labels_without_emotions_are_listed(tmp_path: Path, labels: list[str]) -> None:
    with pytest.raises(ValueError, match=f"its labels are {', '.join(labels)}; expected names of emotions"):
        hugging_face.load(make(tmp_path / "m", labels))


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "m", EKMAN)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"found only pytorch_model\.bin, which would have to be unpickled"):
        hugging_face.load(folder)


def test_code_in_the_folder_is_never_run(tmp_path: Path) -> None:
    folder = make(tmp_path / "m", EKMAN)
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["auto_map"] = {"AutoModelForSequenceClassification": "evil.Model"}
    path.write_text(json.dumps(content), encoding="utf-8")
    (folder / "evil.py").write_text("raise SystemExit('ran')", encoding="utf-8")
    with pytest.raises(ValueError, match="needs code of its own"):
        hugging_face.load(folder)


def test_a_bare_encoder_is_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it is no trained classifier"):
        hugging_face.load(make(tmp_path / "m", EKMAN, headless=True))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_a_damaged_folder_is_one_line(tmp_path: Path, name: str, damage: str) -> None:
    folder = make(tmp_path / "m", EKMAN)
    (folder / name).unlink()
    if damage == "garbage":
        (folder / name).write_bytes(b"\xff{garbage")
    with pytest.raises(ValueError) as caught:
        hugging_face.load(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        hugging_face.load(tmp_path / "nowhere")
