"""The GPU back end: the training network itself in PyTorch. The same weights and geometry as on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from renderer.geometry import Geometry
from renderer.rig import load_rig
from renderer.torch_generator import build

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]


class TorchBackend:
    """Draws with PyTorch; bf16 convolutions on CUDA, fp32 elsewhere."""

    def __init__(self, folder: Path, config: dict[str, Any], device: str) -> None:
        self.device = torch.device(device)
        self.geometry = Geometry(load_rig(folder / "rig.safetensors"))
        net = build(config["generator"])
        net.load_state_dict({k: v.float() for k, v in load_file(folder / "generator.safetensors").items()})
        self._net = net.eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)

    def at(self, shrink: int) -> TorchBackend:
        """Itself: it draws 512 whatever is shown, and Portrait scales."""
        return self

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def draw(self, controls: Float32, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        """uint8 [512, 512, 4], RGBA, opaque."""
        guides = self.geometry.guides(weights, head_rad, gaze_rad)
        arrays = {
            "controls": controls,
            "masks": guides.masks.astype(np.float32) / 255,
            "warp": guides.warp,
            "affines": guides.affines,
            "openings": guides.openings.astype(np.float32) / 255,
        }
        geometry = {k: torch.from_numpy(v)[None].to(self.device) for k, v in arrays.items()}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            picture = self._net(geometry)[0]
        picture = ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).flip(2)
        alpha = torch.full_like(picture[:, :, :1], 255)
        rgba: UInt8 = torch.cat([picture, alpha], 2).contiguous().cpu().numpy()
        return rgba
