"""How an avatar's tensors lie in their file: a third of the bytes that 16 bits take, the same picture.

A safetensors file. Floating-point tensors are what they say. Two kinds are coded, told by their type:

* int8, a layer's weights: every output has a step of its own, `NAME.step` float32 [outputs]; the value is
  code x step (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
  Integer-Arithmetic-Only Inference", section 2.1, with zero points of 0);
* uint8 [bytes], a texture: a lossless WebP of 8-bit codes, `NAME.range` float32 [2, channels] holds lowest
  value and step of each of its three channels or its one; the value is lowest + code x step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

Float32 = NDArray[np.float32]

STEP, RANGE = ".step", ".range"
AS_IT_IS = ("guide_texture", "matte_motion")
"The first one's bytes on the CPU have steps that stand in the graph; a third of a pixel shows at an outline."
LEAST_CODED = 4096
"Elements from which coding a layer is worth its steps."
LOSSLESS = 101
"OpenCV's WebP quality above 100: no loss."


def read_tensors(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, Float32]:
    """The tensors of a file whose names are wanted, decoded, float32.

    ValueError where a coded tensor cannot be decoded, SafetensorError where the file is not one.
    """
    found: dict[str, Float32] = {}
    with safe_open(path, "numpy") as file:
        for name in file.keys():  # noqa: SIM118
            if name.endswith((STEP, RANGE)) or not wanted(name):
                continue
            stored = file.get_tensor(name)
            if stored.dtype == np.int8:
                step = file.get_tensor(name + STEP)
                found[name] = stored * step.reshape(-1, *[1] * (stored.ndim - 1)).astype(np.float32)
            elif stored.dtype == np.uint8:
                found[name] = _decode(stored, file.get_tensor(name + RANGE), f"{path}: {name}")
            else:
                found[name] = stored.astype(np.float32)
    return found


def write_tensors(tensors: Mapping[str, Float32], path: Path) -> None:
    """Write float tensors as an avatar's file: textures [1, 3 or 1, h, w] and large layers coded, the others
    in float16."""
    stored: dict[str, NDArray[np.generic]] = {}
    for name, tensor in tensors.items():
        if name.startswith("textures.") and tensor.size >= LEAST_CODED:
            stored[name], stored[name + RANGE] = _encode(tensor)
        elif tensor.ndim > 1 and tensor.size >= LEAST_CODED and name not in AS_IT_IS:
            stored[name], stored[name + STEP] = quantised(tensor)
        else:
            stored[name] = np.ascontiguousarray(tensor, np.float16)
    save_file(stored, path)


def quantised(layer: Float32) -> tuple[NDArray[np.int8], Float32]:
    """A layer [outputs, ...] -> codes int8 of its shape, steps float32 [outputs]."""
    rows = layer.reshape(len(layer), -1)
    step = np.maximum(np.abs(rows).max(1) / 127, np.finfo(np.float32).tiny).astype(np.float32)
    return np.round(rows / step[:, None]).astype(np.int8).reshape(layer.shape), step


def _encode(texture: Float32) -> tuple[NDArray[np.uint8], Float32]:
    plain = np.asarray(texture[0], np.float32).transpose(1, 2, 0)
    low, high = plain.min((0, 1)), plain.max((0, 1))
    step = np.maximum((high - low) / 255, np.finfo(np.float32).tiny)
    codes = np.round((plain - low) / step).astype(np.uint8)
    codes = np.repeat(codes, 3 // codes.shape[2], 2)
    fine, data = cv2.imencode(".webp", codes, [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS])
    if not fine:
        raise ValueError(f"a texture of {codes.shape} cannot be coded as WebP")
    return data, np.stack([low, step]).astype(np.float32)


def _decode(data: NDArray[np.uint8], scale: Float32, where: str) -> Float32:
    codes = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if codes is None or scale.shape not in ((2, 3), (2, 1)):
        raise ValueError(f"{where}: neither a texture nor a tensor; make the weights again")
    codes = codes[:, :, : scale.shape[1]]
    plain = scale[0] + codes.astype(np.float32) * scale[1]
    return np.ascontiguousarray(plain.transpose(2, 0, 1)[None])
