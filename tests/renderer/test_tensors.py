"""The file of an avatar's tensors: what is coded comes back within half a step, what is not comes back as it
was."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from renderer.tensors import LEAST_CODED, read_tensors, write_tensors
from renderer.training.catch_light import BRIGHTNESS, IRISES, with_catch_lights


def made(seed: int, scale: float) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    normal = lambda *shape: (scale * random.normal(size=shape)).astype(np.float32)  # noqa: E731
    return {
        "textures.face": normal(1, 3, 40, 56),
        "textures.flat": np.full((1, 3, 48, 48), np.float32(scale)),
        "first.0.weight": normal(24, 20, 3, 3),
        "first.0.bias": normal(24),
        "guide_texture": normal(1, 8, 32, 32),
    }


@given(st.integers(0, 99), st.sampled_from([1e-6, 0.01, 1.0, 30.0]))
@settings(max_examples=20, deadline=None)
def test_coded_tensors_come_back_within_half_a_step(tmp_path_factory, seed: int, scale: float) -> None:
    path = tmp_path_factory.mktemp("tensors") / "t.safetensors"
    tensors = made(seed, scale)
    write_tensors(tensors, path)
    found = read_tensors(path)
    assert found.keys() == tensors.keys() and all(t.dtype == np.float32 for t in found.values())
    layer, texture = tensors["first.0.weight"], tensors["textures.face"]
    step = abs(layer).max((1, 2, 3), keepdims=True) / 127
    assert (abs(found["first.0.weight"] - layer) <= 0.51 * step).all()
    step = (texture.max((2, 3), keepdims=True) - texture.min((2, 3), keepdims=True)) / 255
    assert (abs(found["textures.face"] - texture) <= 0.51 * step).all()
    assert np.allclose(found["textures.flat"], tensors["textures.flat"], rtol=1e-3)
    for name in ("first.0.bias", "guide_texture"):
        assert np.array_equal(found[name], tensors[name].astype(np.float16).astype(np.float32))


def test_writing_what_was_read_changes_no_layer(tmp_path: Path) -> None:
    write_tensors(made(1, 1.0), tmp_path / "a")
    write_tensors(read_tensors(tmp_path / "a"), tmp_path / "b")
    first, second = (load_file(tmp_path / name) for name in "ab")
    assert np.array_equal(first["first.0.weight"], second["first.0.weight"])


def test_only_what_is_wanted_is_read(tmp_path: Path) -> None:
    write_tensors(made(2, 1.0), tmp_path / "t")
    assert read_tensors(tmp_path / "t", lambda name: name == "guide_texture").keys() == {"guide_texture"}


def test_plain_files_are_read_as_they_are(tmp_path: Path) -> None:
    tensors = {name: tensor.astype(np.float16) for name, tensor in made(3, 1.0).items()}
    save_file(tensors, tmp_path / "t")
    found = read_tensors(tmp_path / "t")
    assert all(np.array_equal(found[name], tensor.astype(np.float32)) for name, tensor in tensors.items())


def test_large_layers_take_a_byte_an_element(tmp_path: Path) -> None:
    layer = np.random.default_rng(4).normal(size=(64, LEAST_CODED // 8)).astype(np.float32)
    write_tensors({"layer": layer}, tmp_path / "t")
    assert (tmp_path / "t").stat().st_size < 1.05 * layer.size


@pytest.mark.parametrize("content", [np.zeros(9, np.uint8), np.array([82, 73, 70, 70], np.uint8)])
def test_a_broken_texture_is_named(tmp_path: Path, content: np.ndarray) -> None:
    scale = np.zeros((2, 3), np.float32)
    save_file({"textures.face": content, "textures.face.range": scale}, tmp_path / "t")
    with pytest.raises(ValueError, match=r"textures\.face: neither a texture"):
        read_tensors(tmp_path / "t")


def test_a_catch_light_shines_on_both_irises_and_nowhere_else() -> None:
    before = {name: np.zeros((1, 3, 48, 48), np.float32) for name in (*IRISES, "textures.face")}
    after = with_catch_lights(before)
    assert not any(tensor.any() for tensor in before.values()) and not after["textures.face"].any()
    for name in IRISES:
        row, column = np.unravel_index(after[name][0, 0].argmax(), (48, 48))
        assert (row, column) == (19, 19) and 0.39 < after[name].max() <= 0.4
        assert abs(after[name][0, :, 30:, 30:]).max() < 1e-4
        assert abs(with_catch_lights(after, -BRIGHTNESS)[name]).max() < 1e-6
