import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from renderer.backend import control_vector
from renderer.compose import Composer
from renderer.geometry import CELLS, SIZE, Geometry, Guides, box_feather
from renderer.packing import Drawn
from renderer.rig import Rig
from renderer.textures import make_textures
from renderer.torch_generator import (
    BODY,
    MATTE,
    Generator,
    GeneratorConfig,
    ModulatedConv,
    Window,
    build,
)
from renderer.training.export import packed
from renderer.training.walk import Floats, synthesise


@pytest.fixture(scope="module")
def net() -> Generator:
    torch.manual_seed(0)
    net = Generator(GeneratorConfig.tiny()).eval().requires_grad_(False)
    for motion in (net.hair_motion, net.matte_motion):
        motion += 0.02 * torch.randn_like(motion)
    for texture in net.textures.values():
        texture += 0.2 * torch.randn_like(texture)
    for name in (MATTE, BODY):
        net.textures[name].copy_(torch.rand_like(net.textures[name]))
    return net


def guides_and_controls(rig: Rig, seed: int) -> tuple[Guides, np.ndarray]:
    random = np.random.default_rng(seed)
    weights = (random.random(52) * (random.random(52) < 0.2)).astype(np.float32)
    head, gaze = random.normal(0, 0.08, 3).astype(np.float32), random.normal(0, 0.08, 2).astype(np.float32)
    return Geometry(rig).guides(weights, head, gaze), control_vector(weights, head, gaze)


def as_tensors(guides: Guides, controls: np.ndarray) -> dict[str, torch.Tensor]:
    put = lambda array: torch.from_numpy(array)[None]  # noqa: E731
    return {
        "controls": put(controls), "masks": put(guides.masks).float() / 255, "warp": put(guides.warp),
        "affines": put(guides.affines), "openings": put(guides.openings).float() / 255,
        "folds": put(guides.folds),
    }  # fmt: skip


def test_modulated_convolution_equals_the_papers_own_form() -> None:
    """StyleGAN2's equations 1 and 3 with weights made for each sample, grouped convolution."""
    torch.manual_seed(1)
    conv = ModulatedConv(5, 7, 4)
    x, w = torch.randn(3, 5, 9, 9), torch.randn(3, 4)
    style = F.softplus(conv.affine(w))
    kernel = conv.weight[None] * style[:, None, :, None, None]
    kernel = kernel / (kernel.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    y = F.conv2d(x.reshape(1, 15, 9, 9), kernel.reshape(21, 5, 3, 3), padding=1, groups=3).view(3, 7, 9, 9)
    reference = F.leaky_relu(y + conv.bias[:, None, None], 0.2) * 2**0.5
    torch.testing.assert_close(conv(x, w), reference, rtol=1e-4, atol=1e-5)


def test_the_folded_steps_draw_what_the_network_draws(net: Generator, rig: Rig) -> None:
    guides, controls = guides_and_controls(rig, 0)
    geometry = as_tensors(guides, controls)
    carried = F.grid_sample(
        net.guide_texture, geometry["warp"] * 2 - 1, padding_mode="border", align_corners=False
    )
    w = net.mapping(geometry["controls"])
    reference = net.synthesis(w, geometry["masks"], carried, geometry["warp"])
    said = torch.cat([geometry["masks"], carried, geometry["warp"].permute(0, 3, 1, 2) - 0.5], 1)
    canvas, box = synthesise(net, Floats(net, w, said))
    for a, b in zip((net.canvas_head(canvas), net.box_head(box)), reference, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("seed", "shoulders", "threads"), [(1, 0, 1), (5, 0, 2), (5, 11, 1), (1, 12, 2)])
def test_the_cpu_composes_what_pytorch_composes(
    net: Generator, rig: Rig, seed: int, shoulders: int, threads: int
) -> None:
    net = copy.deepcopy(net)
    net.textures[BODY][:, :, :shoulders] = 0
    guides, controls = guides_and_controls(rig, seed)
    assert guides.folds.max() > 0.1
    geometry = as_tensors(guides, controls)
    canvas, box = net.features(geometry["controls"], geometry["masks"], geometry["warp"])
    reference = net.compose(canvas, box, geometry)[0]
    reference = ((reference.clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).numpy()[:, :, ::-1]
    tensors = {k: v.numpy() for k, v in net.state_dict().items()}
    drawn = Drawn(*(x.numpy() for x in (*packed(canvas), *packed(box))))
    picture = Composer(make_textures(tensors), threads).compose(drawn, controls, guides)
    matte = 255 * net.matte(geometry["controls"])[0, 0].numpy()
    assert picture.shape == (SIZE, SIZE, 4) and 20 < matte.std() < 120
    assert abs(picture[:, :, 3] - matte).mean() < 0.6 and abs(picture[:, :, 3] - matte).max() < 6
    difference = abs(picture[:, :, :3] - reference)
    assert difference.mean() < 0.5 and difference.max() < 4  # OpenCV samples on 1/32 pixel


def test_both_feathers_are_one(net: Generator) -> None:
    assert np.array_equal(net.feather.numpy(), box_feather())


def test_a_window_is_a_part_of_the_whole_picture(net: Generator, rig: Rig) -> None:
    batch = [as_tensors(*guides_and_controls(rig, seed)) for seed in (2, 3)]
    geometry = {k: torch.cat([b[k] for b in batch]) for k in batch[0]}
    whole = net(geometry)
    window = Window([(14, 16), (17, 19)], 30)
    part = net(geometry, window)
    for i, (x, y) in enumerate(window.corners):
        inner = whole[i, :, 8 * y + 24 : 8 * y + 216, 8 * x + 24 : 8 * x + 216]
        torch.testing.assert_close(part[i, :, 24:216, 24:216], inner, rtol=1e-3, atol=2e-3)


def test_the_picture_depends_on_every_kind_of_control(net: Generator, rig: Rig) -> None:
    guides, controls = guides_and_controls(rig, 4)
    geometry = as_tensors(guides, controls)
    geometry["controls"] = geometry["controls"].clone().requires_grad_(True)
    net(geometry).square().mean().backward()
    gradient = geometry["controls"].grad[0].abs()
    assert (gradient > 0).all()


def test_a_manifest_rebuilds_the_network() -> None:
    import dataclasses
    import json

    config = json.loads(json.dumps(dataclasses.asdict(GeneratorConfig.tiny())))
    again = build(config)
    assert again.config == GeneratorConfig.tiny()
    assert sum(p.numel() for p in again.parameters()) < 100_000


def test_cells_of_the_guides_fit_the_network() -> None:
    assert CELLS * 4 == 352
