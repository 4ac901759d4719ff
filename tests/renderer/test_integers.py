"""The exported graph: packed guides in, packed features out, bytes in between."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from renderer.backend import control_vector
from renderer.geometry import Geometry
from renderer.packing import WIDTH, ZERO, GuidePacker, head_order, lay_out
from renderer.rig import Rig
from renderer.torch_generator import Generator, GeneratorConfig
from renderer.training.export import FloatGraph, packed
from renderer.training.integers import (
    MICROSOFT,
    Bytes,
    Calibrator,
    Integers,
    Writer,
    best_point,
    integer_graph,
)


@pytest.fixture(scope="module")
def net() -> Generator:
    torch.manual_seed(0)
    return Generator(GeneratorConfig.tiny()).eval().requires_grad_(False)


def random_face(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    weights = (random.random(52) * (random.random(52) < 0.2)).astype(np.float32)
    return weights, random.normal(0, 0.08, 3).astype(np.float32), random.normal(0, 0.08, 2).astype(np.float32)


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def test_packed_guides_say_what_the_geometry_says(net: Generator, rig: Rig) -> None:
    guides = Geometry(rig).guides(*random_face(0))
    packer = GuidePacker(net.guide_texture[0].numpy())
    said = FloatGraph(net, packer.steps).unpacked(torch.from_numpy(packer.pack(guides)))
    warp = torch.from_numpy(guides.warp)[None]
    carried = F.grid_sample(net.guide_texture, warp * 2 - 1, padding_mode="border", align_corners=False)
    masks = torch.from_numpy(guides.masks)[None].float() / 255
    reference = torch.cat([masks, carried, warp.permute(0, 3, 1, 2) - 0.5], 1)
    steps = torch.from_numpy(packer.steps[: reference.shape[1]]).view(1, -1, 1, 1)
    off = (said - reference).abs() / steps
    assert off.max() < 3 and off.mean() < 0.5  # OpenCV samples on 1/32 pixel and rounds twice
    assert packer.steps[reference.shape[1] :].max() == 0 and packer.pack(guides).shape == (1, 88, 88, WIDTH)


@given(side=st.integers(1, 5), channels=st.integers(1, 4), factor=st.sampled_from([2, 4]))
def test_laying_out_is_pixel_shuffle(side: int, channels: int, factor: int) -> None:
    features = torch.randn(1, channels * factor**2, side, side)
    order = np.arange(channels * factor**2).reshape(channels, factor, factor).transpose(1, 2, 0).reshape(-1)
    rows = features[0, torch.from_numpy(order)].flatten(1).t().contiguous().numpy()
    out = np.empty((side * factor, side * factor, channels), np.float32)
    reference = F.pixel_shuffle(features, factor)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(lay_out(rows, side, factor, out), reference)


def test_heads_are_laid_out_by_the_same_order() -> None:
    features = torch.randn(1, 68, 3, 3)
    colours, gates = packed(features)
    small, fine = np.empty((12, 12, 3), np.float32), np.empty((6, 6, 5), np.float32)
    expected = F.pixel_shuffle(features[:, :48], 4)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(lay_out(colours.contiguous().numpy(), 3, 4, small), expected)
    expected = torch.sigmoid(F.pixel_shuffle(features[:, 48:], 2))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(lay_out(gates.contiguous().numpy(), 3, 2, fine), expected, atol=1e-6)
    assert [len(order) for order in head_order(64)] == [48, 16]


def test_integers_draw_what_floats_draw(net: Generator, rig: Rig) -> None:
    """On faces that did not decide the scales."""
    geometry, packer = Geometry(rig), GuidePacker(net.guide_texture[0].numpy())
    floats, calibrator = FloatGraph(net, packer.steps), Calibrator(net)

    def feed(seed: int) -> dict[str, np.ndarray]:
        face = random_face(seed)
        return {"controls": control_vector(*face)[None], "guides": packer.pack(geometry.guides(*face)).copy()}

    for seed in range(8):
        given_ = feed(seed)
        guides = floats.unpacked(torch.from_numpy(given_["guides"]))
        calibrator.see(torch.from_numpy(given_["controls"]), guides)
    run = session(integer_graph(net, calibrator.done(), packer.steps)).run
    for seed in (100, 101):
        given_ = feed(seed)
        reference = floats(*(torch.from_numpy(given_[k]) for k in ("controls", "guides")))
        for drawn, wanted in zip(run(None, given_), reference, strict=True):
            error, power = np.square(drawn - wanted.numpy()).mean(), wanted.square().mean()
            assert error < 0.01 * float(power), (seed, error, power)


@settings(max_examples=10, deadline=None)
@given(side=st.integers(2, 9), channels=st.sampled_from([1, 8, 13]), zero=st.integers(0, 255))
def test_enlarging_bytes_is_bilinear(net: Generator, side: int, channels: int, zero: int) -> None:
    to = Writer()
    steps = Integers.__new__(Integers)
    steps._to = to
    large = steps.enlarge(Bytes("x", side, channels, 0.5, zero))
    kind = TensorProto.UINT8
    graph = helper.make_graph(
        to.nodes, "enlarge",
        [helper.make_tensor_value_info("x", kind, [1, side, side, channels])],
        [helper.make_tensor_value_info(large.name, kind, [1, 2 * side, 2 * side, channels])],
        to.constants,
    )  # fmt: skip
    versions = [helper.make_opsetid("", 18), helper.make_opsetid(MICROSOFT, 1)]
    x = np.random.default_rng(side).integers(0, 256, (1, side, side, channels)).astype(np.uint8)
    (drawn,) = session(helper.make_model(graph, opset_imports=versions, ir_version=9)).run(None, {"x": x})
    plain = torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32))
    reference = F.interpolate(plain, scale_factor=2, mode="bilinear").permute(0, 2, 3, 1).numpy()
    assert np.abs(drawn - reference).max() <= 0.51


def test_a_point_gives_up_what_is_rare() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(0, 1, 100_000), [40.0]]).astype(np.float32)

    def error(scale: float, zero: int) -> float:
        whole = np.clip(np.rint(values / scale) + zero, 0, 255) - zero
        return float(np.square(whole * scale - values).mean())

    whole_range = (
        float(values.max() - values.min()) / 255,
        int(round(-values.min() / (values.max() - values.min()) * 255)),
    )
    assert error(*best_point(values)) < error(*whole_range)
    assert best_point(np.zeros(5, np.float32))[0] > 0
    assert ZERO == 128
