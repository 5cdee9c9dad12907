# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""docs/containers.md, Dockerfile.nemo and the settings name the same images and versions."""

import re
from pathlib import Path

import pytest
import yaml

from nemo_reasoning.doctor import versions
from nemo_reasoning.doctor.command import _parser
from nemo_reasoning.doctor.examine import AREAS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "containers.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile.nemo").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("name", ["megatron-bridge", "nemo-curator", "transformers", "hydra-core"])
def test_the_tested_versions_are_the_pins(name):
    (row,) = [row for row in ROWS if row[0] == name]
    assert set(row[-1].split(",")) == set(str(versions.every_pin()[name].specifier).removeprefix("==").split(","))


def test_the_page_and_the_dockerfile_build_the_same():
    wanted = [row[3].strip("`") for row in ROWS if row[0].startswith("`nemo-reasoning:")]
    assert len(wanted) == 3
    assert f"ARG BASE_IMAGE={wanted[0]}\n" in DOCKERFILE
    for text in (PAGE, DOCKERFILE):
        assert set(re.findall(r"BASE_IMAGE=(nvcr\S+)", text)) | {wanted[0]} == set(wanted)


def test_docker_runs_the_images_that_are_built():
    images = yaml.safe_load((ROOT / "conf" / "cluster" / "docker.yaml").read_text())["images"]
    assert set(images.values()) == {row[0].strip("`") for row in ROWS if row[0].startswith("`nemo-reasoning:")}


def test_the_dockerfiles_doctor_knows_its_options():
    (line,) = [line for line in DOCKERFILE.splitlines() if line.startswith("RUN nemo-reasoning doctor ")]
    words = line.split()[3:]
    areas = words[words.index("--area") + 1 : words.index("--engine")]
    assert set(areas) < set(AREAS)
    assert _parser().parse_args(words[: words.index("--engine")]).area == areas
