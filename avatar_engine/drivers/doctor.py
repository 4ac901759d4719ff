"""What is installed, what is missing and what to do about it. Looks, changes nothing."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from avatar_engine import __version__, assembly
from avatar_engine.errors import AvatarError
from avatar_engine.weights import verify

NEEDED = (
    "numpy", "soxr", "soundfile", "onnxruntime", "tokenizers", "av", "opencv-python-headless",
    "aiortc", "starlette", "uvicorn", "websockets", "httpx2",
)  # fmt: skip
OPTIONAL = {
    "torch": "draws on CUDA: pip install 'avatar-engine[gpu]'",
    "espeakng-loader": "the built-in voice: pip install 'avatar-engine[voice]'",
    "matplotlib": "plots (motion --plot): pip install 'avatar-engine[plot]'",
    "transformers": "other text models (--emotion-model): pip install 'avatar-engine[hf]'",
}
CODECS = {
    "libx264": ".mp4",
    "aac": ".mp4",
    "libvpx-vp9": ".webm",
    "libopus": ".webm",
    "libwebp_anim": ".webp",
}
CPU_FLAGS = {
    "avx512_vnni": "fast int8",
    "avx_vnni": "fast int8",
    "avx512_bf16": "fast bf16",
    "amx_int8": "very fast int8",
    "avx2": "needed for a usable speed",
}
LEAST_TEMPORARY_BYTES = 200_000_000

ROOT = Path(__file__).parents[2]

Check = tuple[str, str, str]
"(ok, note or BAD; what was looked at; what was found and what to do)."


def run() -> int:
    """avatar-engine doctor; 0 where all that is needed is there, else 1."""
    is_well = True
    for state, subject, finding in _checks():
        print(f"{state:4}  {subject:28}  {finding}")
        is_well = is_well and state != "BAD"
    print("all that is needed is there" if is_well else "something needed is missing: see BAD above")
    return 0 if is_well else 1


def _checks() -> Iterator[Check]:
    for look in (_machine, _packages, _codecs, _weights, _cuda, _disk):
        yield from look()


def _machine() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    enough = sys.version_info >= (3, 11)
    yield "ok" if enough else "BAD", "python", f"{version}{'' if enough else ': needs 3.11 or newer'}"
    yield "ok", "avatar-engine", f"{__version__} in {Path(__file__).parents[1]}"
    yield "ok", "system", f"{platform.system()} {platform.machine()}, {available_cores()} cores"
    flags = cpu_flags()
    if flags is not None:
        found = [f"{flag} ({use})" for flag, use in CPU_FLAGS.items() if flag in flags]
        state = "ok" if "avx2" in flags or platform.machine() != "x86_64" else "note"
        yield state, "processor", ", ".join(found) or "no AVX2: drawing will be slow; use --size 256"


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_flags() -> set[str] | None:
    """What the processor can do, as Linux tells it; None elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return set(
        next((line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))), "").split()
    )


def _packages() -> Iterator[Check]:
    for name in NEEDED:
        try:
            yield "ok", name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield "BAD", name, "missing: pip install avatar-engine"
    for name, use in OPTIONAL.items():
        try:
            yield "ok", name, f"{importlib.metadata.version(name)} (optional)"
        except importlib.metadata.PackageNotFoundError:
            yield "note", name, f"not installed (optional); {use}"


def _codecs() -> Iterator[Check]:
    try:
        codec = importlib.import_module("av.codec.codec")
    except ImportError as error:
        yield "BAD", "codecs", f"PyAV cannot be loaded: {error}; pip install --force-reinstall av"
        return
    for name, use in CODECS.items():
        try:
            codec.Codec(name, "w")
            yield "ok", f"codec {name}", f"for {use}"
        except ValueError:
            yield (
                "BAD" if use == ".mp4" else "note",
                f"codec {name}",
                f"missing, no {use}; pip install --force-reinstall av",
            )


def _weights() -> Iterator[Check]:
    folders = [
        ROOT / "audio2expr/weights/base",
        ROOT / "text_emotion/weights/base",
        ROOT / "text_emotion/weights/languages",
        assembly.SMOOTHER_FOLDER,
    ]
    try:
        avatars = [facts.folder for facts in assembly.avatars()]
    except AvatarError as error:
        avatars = []
        yield "BAD", "avatars", str(error)
    if not avatars:
        yield "BAD", "avatars", "none installed; install avatar-engine again"
    for folder in [*folders, *avatars]:
        subject = f"weights {folder.relative_to(ROOT).parts[0]} {folder.name}"
        try:
            manifest = verify(folder)
            megabytes = sum(facts["bytes"] for facts in manifest.content["files"].values()) / 1e6
            yield "ok", subject, f"version {manifest.content['version']}, {megabytes:.1f} MB, whole"
        except AvatarError as error:
            yield "BAD", subject, str(error)


def _cuda() -> Iterator[Check]:
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        yield "note", "CUDA", "not used: PyTorch is not installed; drawing runs on the processor"
        return
    if torch.cuda.is_available():
        yield "ok", "CUDA", f"{torch.cuda.get_device_name(0)}"
    else:
        yield "note", "CUDA", "PyTorch finds no device; drawing runs on the processor"


def _disk() -> Iterator[Check]:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    state = "ok" if free > LEAST_TEMPORARY_BYTES else "note"
    yield state, "free space", f"{free / 1e9:.1f} GB in {folder}"
