"""Who may import whom, checked in the source: nothing here runs the code it looks at."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("avatar_engine", "audio2expr", "text_emotion", "renderer")
STANDING_ALONE = ("audio2expr", "text_emotion", "renderer")
OFFLINE_FOLDERS = ("training", "synthesis")
"Folders that make weights and are never part of a run."
DRIVERS_ONLY = {"aiortc", "uvicorn", "starlette", "fastapi", "aiohttp", "av"}
TRAINING_ONLY = {"librosa", "scipy", "onnx", "onnxscript", "pypinyin", "sklearn"}
TORCH = {"torch", "transformers"}
TORCH_ALLOWED = {
    "renderer.torch_backend",
    "renderer.torch_device",
    "renderer.torch_generator",
    "renderer.torch_places",
    "renderer.portrait",
    "text_emotion.hugging_face",
    "avatar_engine.drivers.doctor",
}
"The GPU back end, the converter, and who looks whether they can be used."
DISTRIBUTIONS = {"cv2": "opencv-python-headless"}
"Where a library's distribution has another name."
EXTRAS = {"matplotlib": "avatar_engine.drivers.plot."}
"Libraries of extras, and who imports them: late, for the default install lacks them."
CORE_MAY_IMPORT_MODELS = {"avatar_engine.assembly"}


def module_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_of(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
RUNTIME = {name: path for name, path in SOURCES.items() if not set(OFFLINE_FOLDERS) & set(name.split("."))}


class Imports(ast.NodeVisitor):
    """Full names of what a module imports; apart, what it imports at once (not in functions)."""

    def __init__(self, module: str, path: Path) -> None:
        self._package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        self._depth = 0
        self.anywhere: set[str] = set()
        self.at_once: set[str] = set()
        self.visit(ast.parse(path.read_text(encoding="utf-8")))

    def _add(self, name: str) -> None:
        self.anywhere.add(name)
        if not self._depth:
            self.at_once.add(name)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = (
            self._package.split(".")[: len(self._package.split(".")) - node.level + 1] if node.level else []
        )
        whole = ".".join([*base, *([node.module] if node.module else [])])
        for alias in node.names:
            full = f"{whole}.{alias.name}"
            self._add(full if full in SOURCES else whole)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Call(self, node: ast.Call) -> None:
        called = ast.unparse(node.func)
        if called in ("importlib.import_module", "import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                self.anywhere.add(name.value)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) not in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.generic_visit(node)
        for item in node.orelse:
            self.visit(item)


IMPORTS = {name: Imports(name, path) for name, path in SOURCES.items()}


def top(name: str) -> str:
    return name.partition(".")[0]


def arrows(modules: dict[str, Path]) -> Iterator[tuple[str, str]]:
    for module in modules:
        for imported in IMPORTS[module].anywhere:
            yield module, imported


def test_the_check_sees_the_source() -> None:
    assert len(RUNTIME) > 30
    assert "avatar_engine.session" in IMPORTS["avatar_engine.assembly"].at_once
    assert (
        "renderer" in IMPORTS["avatar_engine.assembly"].anywhere - IMPORTS["avatar_engine.assembly"].at_once
    )


@pytest.mark.parametrize("package", STANDING_ALONE)
def test_model_packages_import_none_of_our_other_packages(package: str) -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows(RUNTIME)
        if top(module) == package and top(imported) in PACKAGES and top(imported) != package
    ]
    assert not wrong


def test_training_takes_only_manifests_from_the_engine() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows(SOURCES)
        if top(module) in STANDING_ALONE
        and top(imported) in PACKAGES
        and top(imported) != top(module)
        and imported != "avatar_engine.weights"
    ]
    assert not wrong


def test_nothing_that_runs_imports_training_synthesis_or_tests() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows(RUNTIME)
        if top(imported) == "tests"
        or (top(imported) in PACKAGES and set(OFFLINE_FOLDERS) & set(imported.split(".")))
    ]
    assert not wrong


def test_only_assembly_knows_the_models() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows(RUNTIME)
        if top(module) == "avatar_engine"
        and top(imported) in STANDING_ALONE
        and module not in CORE_MAY_IMPORT_MODELS
    ]
    # Types alone do not count: Imports skips what only a type checker reads.
    assert not wrong


def test_the_core_knows_no_driver() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows(RUNTIME)
        if top(module) == "avatar_engine"
        and not module.startswith("avatar_engine.drivers")
        and imported.startswith("avatar_engine.drivers")
    ]
    assert not wrong


def test_network_and_film_libraries_are_in_the_drivers_only() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows(RUNTIME)
        if top(imported) in DRIVERS_ONLY and not module.startswith("avatar_engine.drivers")
    ]
    assert not wrong


def test_training_libraries_are_in_training_only() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows(RUNTIME)
        if top(imported) in TRAINING_ONLY
    ]
    assert not wrong


def test_torch_is_in_its_back_ends_only() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows(RUNTIME)
        if top(imported) in TORCH and module not in TORCH_ALLOWED
    ]
    assert not wrong


def test_what_runs_is_what_is_installed() -> None:
    """Each library that the run imports is a dependency of the default install, or may be absent."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[<>=!~ \[;]", line, maxsplit=1)[0] for line in declared}
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows(RUNTIME)
        if top(imported) not in {*PACKAGES, *sys.stdlib_module_names, *TORCH, *EXTRAS}
        and DISTRIBUTIONS.get(top(imported), top(imported)) not in names
    ]
    assert not wrong


def test_extras_are_imported_late_and_in_their_place() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows(RUNTIME)
        if not module.startswith(EXTRAS.get(top(imported), module))
        or (top(imported) in EXTRAS and imported in IMPORTS[module].at_once)
    ]
    assert not wrong


def circle(edges: dict[str, set[str]]) -> list[str]:
    """A circle among the nodes, first node last again; empty where there is none."""
    done: set[str] = set()

    def walk(node: str, trail: list[str]) -> list[str]:
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node in done:
            return []
        for following in sorted(edges.get(node, ())):
            if found := walk(following, [*trail, node]):
                return found
        done.add(node)
        return []

    for start in sorted(edges):
        if found := walk(start, []):
            return found
    return []


def test_circles_are_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_no_circle_between_modules() -> None:
    edges = {module: {name for name in IMPORTS[module].anywhere if name in RUNTIME} for module in RUNTIME}
    assert circle(edges) == []


@pytest.mark.parametrize("folder", ["", *sorted({m.rpartition(".")[0] for m in RUNTIME if "." in m})])
def test_no_circle_between_folders(folder: str) -> None:
    """Among the modules and subfolders that lie side by side in a folder, each subfolder taken as one."""
    inside = f"{folder}." if folder else ""

    def child(name: str) -> str | None:
        if not name.startswith(inside) or (name == folder):
            return None
        return inside + name[len(inside) :].partition(".")[0]

    edges: dict[str, set[str]] = {}
    for module, imported in arrows(RUNTIME):
        source, target = child(module), child(imported) if imported in RUNTIME else None
        if source and target and source != target:
            edges.setdefault(source, set()).add(target)
    assert circle(edges) == []


def test_files_stay_readable() -> None:
    long = {
        name: lines for name, path in RUNTIME.items() if (lines := len(path.read_text().splitlines())) >= 400
    }
    assert not long


def test_nothing_names_a_registry_or_this_machine() -> None:
    """Where packages come from and where data lies is the user's business."""
    hints = ("/wo" + "rk/", "index" + "-url", "find" + "-links", "extra" + "-index", "simple" + "/ ")
    texts = [
        *SOURCES.values(),
        ROOT / "pyproject.toml",
        ROOT / "Makefile",
        ROOT / "README.md",
        ROOT / ".ci" / "run",
    ]
    wrong = [
        f"{path.relative_to(ROOT)}: {hint}"
        for path in texts
        for hint in hints
        if path.exists() and hint in path.read_text(encoding="utf-8")
    ]
    assert not wrong
