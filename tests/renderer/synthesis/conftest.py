"""A made head with everything on it, built once for the tests of the scene."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from renderer.synthesis.assets import Workshop
from renderer.synthesis.controls import LipGap
from renderer.synthesis.face_model import FaceModel
from renderer.synthesis.figure import Figure
from renderer.synthesis.recipe import Recipe, load_recipe
from tests.renderer.synthesis.made_head import write_made_head


@pytest.fixture(scope="session")
def head_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_made_head(tmp_path_factory.mktemp("made") / "head")


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Ava with little hair, so that growing it takes no time."""
    ava = load_recipe("ava")
    return dataclasses.replace(ava, hair=dataclasses.replace(ava.hair, density=0.01))


@pytest.fixture(scope="session")
def workshop(recipe: Recipe, head_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(recipe, head_folder, tmp_path_factory.mktemp("cache"), texture_sizes=(48, 32))


@pytest.fixture(scope="session")
def model(workshop: Workshop) -> FaceModel:
    return workshop.model


@pytest.fixture(scope="session")
def figure(workshop: Workshop) -> Figure:
    return workshop.figure()


@pytest.fixture(scope="session")
def lip_gap(model: FaceModel) -> LipGap:
    return LipGap.of(model)
