"""The generator as a PyTorch network: training, the GPU back end and export share it. Knows tensors, and no
files.

A StyleGAN2-type synthesis network (Karras et al. 2020, "Analyzing and Improving the Image Quality of
StyleGAN"): a mapping network turns the controls into a style vector w, w modulates and demodulates every 3 x
3 convolution. Three things differ, each for a reason:

* the styles come from the face's controls, not from noise; there are no noise inputs (they flicker);
* what controls cannot say, geometry does: part masks and a learned texture that a thin-plate spline of the
  rig's points carries from the neutral face are added to the features at 32 x 32 ... 128 x 128, and learned
  textures at picture resolution (face, teeth, irises, hair, plate) follow the same geometry and are added to
  the picture under gates which the network draws. They play the part of StyleGAN's finest noise inputs, tied
  to the skin instead of the screen;
* the 128 x 128 level exists only inside a fixed box round the face; hair and shoulders come from the 64
  x 64 level and their own textures, and the wall behind the person is no business of the network: a matte
  says what is not his.

Pictures are BGR, -1..1, [batch, 3, 512, 512]; positions are pixels of the 512 picture, pixel centres at .5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from renderer.geometry import (
    BOX_SIZE,
    BOX_START,
    CELLS,
    MATTE_GRID,
    RIGID_LAYERS,
    SIZE,
    box_feather,
)
from renderer.packing import BOX_GATES
from renderer.torch_places import carried, enlarge, hair_region, head_matte, on_lids, pixel_grid, sample

CANVAS_LAYERS = ("plate", "hair")
WALL, MATTE, BODY = "wall", "matte", "body"
"What is behind the person; how much of each pixel, 0..1, is head and hair, and is what stays."
FITTED_BEFORE = (WALL, MATTE, BODY)
"Textures that the network's training leaves as they are."
BOX_LAYERS = ("face", *RIGID_LAYERS, "lids", "folds")


@dataclass(frozen=True)
class GeneratorConfig:
    """What is needed to build the network again; goes into the manifest."""

    controls: int = 57
    styles: int = 192
    channels: tuple[int, ...] = (160, 160, 160, 96, 64)
    "At 8, 16, 32, 64 (canvas) and 128 (face box) cells a side."
    masks: int = 12
    guide_texture: tuple[int, int] = (16, 96)
    "Channels and side of the learned feature texture on the neutral face."
    guide_channels: tuple[int, int, int] = (32, 64, 96)
    "Of the face guide at 128, 64 and 32 cells."
    textures: dict[str, tuple[int, int]] = field(
        default_factory=lambda: {
            "wall": (64, 64), "matte": (512, 512), "body": (512, 512),
            "plate": (512, 512), "hair": (512, 512), "face": (512, 512),
            "teeth_upper": (48, 128), "teeth_lower": (48, 128), "iris_left": (48, 48), "iris_right": (48, 48),
            "lids": (80, 208), "folds": (512, 512),
        }
    )  # fmt: skip
    """Height and width of each picture texture. Lids: closed ones; folds: what expressions add to the skin,
    wherever the face texture's own place is, shown as far as the geometry says."""

    @classmethod
    def tiny(cls) -> GeneratorConfig:
        """A network of a few thousand parameters for tests."""
        textures = {k: (16, 16) for k in (*FITTED_BEFORE, *CANVAS_LAYERS, *BOX_LAYERS)}
        return cls(
            styles=8,
            channels=(8, 8, 8, 8, 8),
            guide_texture=(4, 16),
            guide_channels=(4, 4, 4),
            textures=textures,
        )


class ModulatedConv(nn.Module):  # type: ignore[misc]  # torch is not read by mypy
    """3 x 3 convolution modulated by styles, StyleGAN2's equations 1 and 3, in a form whose weights all
    samples share.

    Styles are positive (softplus), so that the next layer's modulation can be folded into this layer's
    demodulation at export: leaky ReLU commutes with positive factors. Upsampling is bilinear, after the
    convolution: the same filter as StyleGAN's [1, 3, 3, 1] at a quarter of the cost.
    """

    def __init__(self, inputs: int, outputs: int, styles: int, *, up: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) / (9 * inputs) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.affine = nn.Linear(styles, inputs)
        nn.init.normal_(self.affine.weight, std=0.3 / styles**0.5)
        nn.init.constant_(self.affine.bias, 0.5413)  # softplus of it is 1
        self.up = up

    def modulation(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """w [n, styles] -> styles [n, inputs], demodulation [n, outputs]."""
        style = F.softplus(self.affine(w).float())
        return style, torch.rsqrt(style.square() @ self.weight.float().square().sum((2, 3)).t() + 1e-8)

    def forward(self, x: Tensor, w: Tensor, guide: Tensor | None = None) -> Tensor:
        style, demodulation = self.modulation(w)
        y = F.conv2d(x * style[:, :, None, None].to(x.dtype), self.weight.to(x.dtype), padding=1)
        y = y * demodulation[:, :, None, None].to(x.dtype)
        if self.up:
            y = F.interpolate(y, scale_factor=2, mode="bilinear")
        y = y + self.bias[:, None, None].to(x.dtype)
        if guide is not None:
            y = y + guide
        return F.leaky_relu(y, 0.2) * 2**0.5


class Generator(nn.Module):  # type: ignore[misc]
    """controls, guides -> features; `forward` draws the whole picture, `features` only what the exported
    graph gives."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        c, s, g = config.channels, config.styles, config.guide_channels
        self.mapping = nn.Sequential(
            nn.Linear(config.controls, s), nn.LeakyReLU(0.2), nn.Linear(s, s), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.const = nn.Parameter(torch.randn(1, c[0], 8, 8))
        pairs = [(c[max(i - 1, 0)], c[i], i > 0) for i in range(5)]
        self.first = nn.ModuleList(ModulatedConv(i, o, s, up=up) for i, o, up in pairs)
        self.second = nn.ModuleList(ModulatedConv(o, o, s) for _, o, _ in pairs)
        self.guide_texture = nn.Parameter(
            torch.randn(1, config.guide_texture[0], *[config.guide_texture[1]] * 2) * 0.3
        )
        inputs = config.masks + config.guide_texture[0] + 2
        self.guide = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=stride, padding=1)
            for i, o, stride in ((inputs, g[0], 1), (g[0], g[1], 2), (g[1], g[2], 2))
        )
        self.inject = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(g, (c[4], c[3], c[2]), strict=True))
        # heads are 1 x 1, as StyleGAN's toRGB: cheap enough to stay fp32 where the rest is int8
        self.canvas_head = nn.Conv2d(c[3], 48 + 4 * len(CANVAS_LAYERS), 1)
        self.box_head = nn.Conv2d(c[4], 48 + 4 * BOX_GATES, 1)
        for head in (self.canvas_head, self.box_head):
            nn.init.normal_(head.weight, std=0.3 / head.in_channels**0.5)
            nn.init.zeros_(head.bias)
        self.textures = nn.ParameterDict(
            {
                k: nn.Parameter(torch.zeros(1, 1 if k in (MATTE, BODY) else 3, *v))
                for k, v in config.textures.items()
            }
        )
        nn.init.ones_(self.textures[MATTE])
        self.hair_motion = nn.Parameter(torch.zeros(9, 12))
        "Head rotation (first and second order) -> how the hair texture moves, quadratic in the position."
        self.matte_motion = nn.Parameter(torch.zeros(9, 2, *MATTE_GRID))
        """Of the same for the matte of the head, over a grid: as a head turns, other hairs make up its
        outline, and an ear goes behind a cheek."""
        self.register_buffer("feather", torch.from_numpy(box_feather()), persistent=False)

    def features(
        self, controls: Tensor, masks: Tensor, warp: Tensor, window: Window | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the exported graph gives.

        controls [n, 57]; masks [n, masks, 88, 88] 0..1; warp [n, 88, 88, 2]: where each cell of the box lies
        on the neutral face, 0..1 of the 512 picture. Returns canvas [n, 48 + 8, 64, 64] and box [n, 48 + 24,
        88, 88]: BGR for pixel shuffle x 4 and gate logits for pixel shuffle x 2.
        """
        w = self.mapping(controls)
        texture = self.guide_texture.expand(len(controls), -1, -1, -1)
        carried = F.grid_sample(
            texture, (warp * 2 - 1).to(texture.dtype), padding_mode="border", align_corners=False
        )
        return self.synthesis(w, masks, carried, warp, window)

    def synthesis(
        self, w: Tensor, masks: Tensor, carried: Tensor, warp: Tensor, window: Window | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `features`, from the style vector w [n, styles] and the guide texture already carried, [n, 16,
        88, 88]."""
        guides = self.guide_maps(masks, carried, warp)
        x = self.const.expand(len(w), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        for i in range(4):
            guide = lay_into_canvas(guides[4 - i], i) if i >= 2 else None
            x = self.second[i](self.first[i](x, w, guide), w)
        box = window or Window.of_box(len(w))
        canvas = self.canvas_head(window.cut(x, 1) if window else x)
        guide = box.cut(guides[0], 2, BOX_START // 8)
        x = self.second[4](self.first[4](box.cut(x, 1), w, guide), w)
        return canvas, self.box_head(x)

    def guide_maps(self, masks: Tensor, carried: Tensor, warp: Tensor) -> list[Tensor]:
        """What the geometry adds inside the face box at 128, 64 and 32 cells a canvas side."""
        level = torch.cat([masks, carried, warp.permute(0, 3, 1, 2) - 0.5], 1)
        level = level.contiguous(memory_format=torch.channels_last)
        maps = []
        for conv, inject in zip(self.guide, self.inject, strict=True):
            level = F.leaky_relu(conv(level), 0.2)
            maps.append(inject(level))
        return maps

    def forward(
        self,
        geometry: dict[str, Tensor],
        window: Window | None = None,
        background: Tensor | Literal["wall"] | None = "wall",
    ) -> Tensor:
        """The picture, [n, 3, 512, 512], BGR, about -1..1; with a window only that part of it, [n, 3, 8 k, 8
        k].

        geometry: controls, masks, warp as for `features`; affines [n, 4, 2, 3] picture pixel -> -1..1 in the
        boxes of teeth and irises; openings [n, 2, 352, 352] 0..1 of mouth and eyes inside the face box; folds
        [n, 128, 128]: how far the skin is folded, over the neutral picture. background: the avatar's own
        wall, another picture [1, 3, 512, 512], or None for the colours of the person alone.
        """
        canvas, box = self.features(geometry["controls"], geometry["masks"], geometry["warp"], window)
        return self.compose(canvas, box, geometry, window, background)

    def with_matte(
        self, geometry: dict[str, Tensor], background: Tensor | Literal["wall"] | None = "wall"
    ) -> tuple[Tensor, Tensor]:
        """As `forward` of whole pictures, and how much of each pixel is the person, [n, 1, 512, 512],
        0..1."""
        canvas, box = self.features(geometry["controls"], geometry["masks"], geometry["warp"])
        person, matte = self._person(canvas, box, geometry), self.matte(geometry["controls"].float())
        return self._before(background, person, matte), matte

    def compose(
        self,
        canvas: Tensor,
        box: Tensor,
        geometry: dict[str, Tensor],
        window: Window | None = None,
        background: Tensor | Literal["wall"] | None = "wall",
    ) -> Tensor:
        """Features and textures -> picture."""
        person = self._person(canvas, box, geometry, window)
        if background is None:
            return person
        matte = self.matte(geometry["controls"].float(), window)
        return self._before(background, person, matte, window)

    @torch.autocast("cuda", enabled=False)  # type: ignore[untyped-decorator]
    @torch.autocast("cpu", enabled=False)  # type: ignore[untyped-decorator]
    def _person(
        self, canvas: Tensor, box: Tensor, geometry: dict[str, Tensor], window: Window | None = None
    ) -> Tensor:
        """The picture without the wall; positions need all their bits, so never in half precision."""
        canvas, box, controls = canvas.float(), box.float(), geometry["controls"].float()
        n, device = len(controls), canvas.device
        inner = window or Window.of_box(n)
        picture = enlarge(F.pixel_shuffle(canvas[:, :48], 4), 2)
        gates = enlarge(torch.sigmoid(F.pixel_shuffle(canvas[:, 48:], 2)), 4)
        plate = F.interpolate(self.textures["plate"], size=(SIZE, SIZE), mode="bilinear").expand(
            n, -1, -1, -1
        )
        picture = picture + 2 * gates[:, :1] * (window.cut(plate, 8) if window else plate)
        grid = window.positions(device) if window else pixel_grid(SIZE, device)
        hair = sample(self.textures["hair"], carried(grid, controls, self.hair_motion))
        picture = picture + 2 * gates[:, 1:] * hair_region(grid) * hair

        detail = F.pixel_shuffle(box[:, :48], 4)
        gates = enlarge(torch.sigmoid(F.pixel_shuffle(box[:, 48:], 2)), 2)
        warp = inner.cut(enlarge(geometry["warp"].permute(0, 3, 1, 2), 4), 8, BOX_START // 8).permute(
            0, 2, 3, 1
        )
        detail = detail + 2 * gates[:, :1] * sample(self.textures["face"], warp * 2 - 1)
        shut = sample(self.textures["lids"], on_lids(warp), outside="zeros")
        detail = detail + 2 * gates[:, 4:] * shut
        opening = sample(geometry["folds"][:, None], geometry["warp"] * 2 - 1)
        opening = inner.cut(enlarge(opening, 4), 8, BOX_START // 8)
        detail = detail + 2 * opening * sample(self.textures["folds"], warp * 2 - 1)
        grid = inner.positions(device)
        openings = inner.cut(geometry["openings"], 8, BOX_START // 8)
        for k, name in enumerate(RIGID_LAYERS):
            inside = grid @ geometry["affines"][:, k].transpose(1, 2)[:, None]
            gate = gates[:, min(k + 1, 3), None] * openings[:, int(k > 1), None]
            detail = detail + 2 * gate * sample(self.textures[name], inside, outside="zeros")
        detail = detail * inner.cut(self.feather.expand(n, 1, -1, -1), 8, BOX_START // 8)
        start, end = BOX_START, SIZE - BOX_START - BOX_SIZE
        picture = picture + (detail if window else F.pad(detail, (start, end, start, end)))
        if not self.training:
            picture = picture.clamp(-1, 1)  # the CPU lays bytes before the wall
        return picture

    def _before(
        self,
        background: Tensor | Literal["wall"] | None,
        person: Tensor,
        matte: Tensor,
        window: Window | None = None,
    ) -> Tensor:
        """The person before what is behind him."""
        if background is None:
            return person
        wall = F.interpolate(self.textures[WALL], size=(SIZE, SIZE), mode="bilinear")
        behind = (background if isinstance(background, Tensor) else wall).expand(len(person), -1, -1, -1)
        behind = window.cut(behind, 8) if window else behind
        return behind + matte * (person - behind)

    @torch.autocast("cuda", enabled=False)  # type: ignore[untyped-decorator]
    @torch.autocast("cpu", enabled=False)  # type: ignore[untyped-decorator]
    def matte(self, controls: Tensor, window: Window | None = None) -> Tensor:
        """How much of each pixel is the person, not the wall: [n, 1, 512, 512] or that part of it, 0..1."""
        head = head_matte(self.textures[MATTE], self.matte_motion, controls)
        body = F.interpolate(self.textures[BODY], size=(SIZE, SIZE), mode="bilinear")
        whole = 1 - (1 - head) * (1 - body)
        return window.cut(whole, 8) if window else whole


def lay_into_canvas(guide: Tensor, level: int) -> Tensor:
    """A map of the face box as one of the whole canvas, 8 * 2^level cells a side, zero outside."""
    cells = CELLS // 2 ** (4 - level)
    start = BOX_START * cells // BOX_SIZE
    end = 8 * 2**level - start - cells
    return F.pad(guide, (start, end, start, end))


@dataclass(frozen=True)
class Window:
    """A square part of the canvas for each sample, in cells of 8 pixels: training pays only for what its
    loss sees.

    Inside the face box, or equal to it. Convolutions see zeros at its edges, so let it stand out a little.
    """

    corners: list[tuple[int, int]]
    "x, y of the first cell, for each sample."
    cells: int

    @classmethod
    def of_box(cls, samples: int) -> Window:
        """The face box itself."""
        return cls([(BOX_START // 8, BOX_START // 8)] * samples, BOX_SIZE // 8)

    def cut(self, x: Tensor, per_cell: int, origin: int = 0) -> Tensor:
        """[n, c, h, w] of so many elements a cell, beginning at cell `origin` of the canvas -> the
        windows."""
        side = self.cells * per_cell
        if len(set(self.corners)) == 1:
            left, top = ((v - origin) * per_cell for v in self.corners[0])
            return x[:, :, top : top + side, left : left + side]
        starts = [((a - origin) * per_cell, (b - origin) * per_cell) for a, b in self.corners]
        parts = [p[:, top : top + side, left : left + side] for p, (left, top) in zip(x, starts, strict=True)]
        return torch.stack(parts).contiguous(memory_format=torch.channels_last)

    def positions(self, device: torch.device) -> Tensor:
        """[n or 1, 8 cells, 8 cells, 3]: x, y, 1 of the picture at each pixel centre."""
        unique = self.corners[:1] if len(set(self.corners)) == 1 else self.corners
        corner = torch.tensor([(8.0 * x, 8.0 * y, 0.0) for x, y in unique], device=device)
        return pixel_grid(8 * self.cells, device) + corner[:, None, None]


def build(config: dict[str, Any]) -> Generator:
    """The network of a manifest's `generator` entry."""
    known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
    known["textures"] = {k: tuple(v) for k, v in config["textures"].items()}
    return Generator(GeneratorConfig(**known))
