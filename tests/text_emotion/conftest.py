"""A tiny BERT with its own vocabulary, data to train it on, and a weights folder made of it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from text_emotion import TextEmotion
from text_emotion.training import export, train
from text_emotion.training.corpus import NAMES
from text_emotion.training.network import BertConfig, Classifier

WORDS = {
    "anger": "angry furious hate unfair",
    "disgust": "gross rotten yuck vile",
    "fear": "afraid scared danger panic",
    "joy": "happy great love joy",
    "neutral": "table train monday open",
    "sadness": "sad sorry lost lonely",
    "surprise": "wow sudden strange really",
}
FILLERS = ["the", "a", "is", "it", "i", "you", "so", "and", "on", "we"]


def tiny_vocabulary() -> list[str]:
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *FILLERS,
        *(w for ws in WORDS.values() for w in ws.split()),
    ]
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'[]:б"
    return list(dict.fromkeys([*pieces, *letters, *(f"##{letter}" for letter in letters)]))


def tiny_tokenizer() -> Tokenizer:
    vocabulary = {piece: number for number, piece in enumerate(tiny_vocabulary())}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    # As the original ships it: what encodes for us must switch both off.
    tokenizer.enable_padding(length=16)
    tokenizer.enable_truncation(16)
    return tokenizer


def tiny_config() -> dict[str, object]:
    return {
        "model_type": "bert",
        "hidden_act": "gelu",
        "vocab_size": len(tiny_vocabulary()),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
    }


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded 2-layer encoder as a Hugging Face folder."""
    folder = tmp_path_factory.mktemp("encoder")
    (folder / "config.json").write_text(json.dumps(tiny_config()), encoding="utf-8")
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    model = Classifier(BertConfig.read(folder / "config.json"), len(NAMES))
    for name, parameter in model.named_parameters():
        if "word_embeddings" in name or "position" in name or "token_type" in name:
            torch.nn.init.normal_(parameter, std=0.5 if "word" in name else 0.02)
    weights = {n: t.contiguous() for n, t in model.state_dict().items() if not n.startswith("head.")}
    save_file(weights, folder / "model.safetensors")
    return folder


def made_sentence(label: str, rng: random.Random) -> str:
    words = [*rng.sample(FILLERS, rng.randint(1, 4)), rng.choice(WORDS[label].split())]
    rng.shuffle(words)
    return " ".join(words)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made sentences in the layout of the real data: a telling word each, some with two labels."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "goemotions_ekman").mkdir()
    (folder / "goemotions_ekman" / "labels.txt").write_text("\n".join(NAMES), encoding="utf-8")
    rng = random.Random(0)
    for split, count in (("train", 900), ("dev", 140)):
        lines = []
        for i in range(count):
            labels = rng.sample(NAMES, 2 if rng.random() < 0.1 else 1)
            text = " [NAME] ".join(made_sentence(label, rng) for label in labels)
            numbers = ",".join(str(NAMES.index(label)) for label in labels)
            lines.append(f"{text}\t{numbers}\t{split}{i}\n")
        (folder / "goemotions_ekman" / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    (folder / "brighter" / "train").mkdir(parents=True)
    (folder / "brighter" / "train" / "eng.csv").write_text(
        "id,text,anger,fear,joy,sadness,surprise\n"
        'e1,"happy, so happy",0,0,1,0,0\n'
        "e2,the table is open,0,0,0,0,0\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="session")
def run_folder(encoder_folder: Path, data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the training command writes."""
    folder = tmp_path_factory.mktemp("run") / "run"
    arguments = [
        "--data",
        data_folder,
        "--model",
        encoder_folder,
        "--any-model",
        "--out",
        folder,
        "--phrases",
        0,
    ]
    arguments += [
        "--epochs",
        8,
        "--batch",
        32,
        "--lr",
        1e-3,
        "--head-lr",
        5e-3,
        "--embedding-lr-share",
        4,
        "--dropout",
        0,
    ]
    arguments += ["--precision", "float32", "--max-tokens", 16, "--brighter", "eng"]
    assert train.main([str(argument) for argument in arguments]) == 0
    return folder


@pytest.fixture(scope="session")
def weights_folder(run_folder: Path, data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the export command writes."""
    folder = tmp_path_factory.mktemp("weights") / "base"
    arguments = ["--run", run_folder, "--data", data_folder, "--out", folder]
    assert export.main([str(argument) for argument in arguments]) == 0
    return folder


@pytest.fixture(scope="session")
def model(weights_folder: Path) -> TextEmotion:
    return TextEmotion.load(weights_folder)
