"""The ONNX graph against the network it was made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from text_emotion.training.graph import build, quantize_columns
from text_emotion.training.network import Classifier
from text_emotion.training.train import load

SCALE, THRESHOLD = np.linspace(0.5, 2, 7), np.linspace(-1, 1, 7)


@pytest.fixture
def network(run_folder: Path) -> Classifier:
    return load(run_folder)[0]


def outputs(graph: onnx.ModelProto, texts: list[np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.stack([session.run(None, {"ids": ids})[0] for ids in texts])


def expected(network: Classifier, texts: list[np.ndarray]) -> np.ndarray:
    with torch.inference_mode():
        logits = [network(torch.from_numpy(ids)[None], torch.tensor([len(ids)]))[0].numpy() for ids in texts]
    return 1 / (1 + np.exp(-SCALE * (np.stack(logits) - THRESHOLD)))


@pytest.fixture
def texts() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(2, 60, size).astype(np.int64) for size in (2, 3, 9, 16, 40, 64)]


def test_without_rounding_the_graph_is_the_network(network: Classifier, texts: list[np.ndarray]) -> None:
    graph = build(network, max_tokens=64, scale=SCALE, threshold=THRESHOLD, bits=None)
    np.testing.assert_allclose(outputs(graph, texts), expected(network, texts), atol=1e-5)


def test_in_8_bits_it_is_nearly_so(network: Classifier, texts: list[np.ndarray]) -> None:
    graph = build(network, max_tokens=64, scale=SCALE, threshold=THRESHOLD)
    difference = np.abs(outputs(graph, texts) - expected(network, texts))
    assert 0 < difference.max() < 0.05, "0 would mean that nothing was rounded"


def test_logits_are_what_the_sigmoid_gets(network: Classifier, texts: list[np.ndarray]) -> None:
    logits = outputs(build(network, max_tokens=64, scale=SCALE, threshold=THRESHOLD, output="logits"), texts)
    probabilities = outputs(build(network, max_tokens=64, scale=SCALE, threshold=THRESHOLD), texts)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), probabilities, atol=1e-6)


def test_rounding_is_within_half_a_step_of_each_column() -> None:
    matrix = np.random.default_rng(0).normal(size=(50, 9)).astype(np.float32) * np.linspace(0.01, 10, 9)
    matrix[:, 4] = 0
    whole, step = quantize_columns(matrix)
    assert whole.dtype == np.int8 and np.abs(whole).max() == 127
    assert (np.abs(whole * step - matrix) <= step / 2 * 1.001).all()
