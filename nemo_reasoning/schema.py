# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Names of settings: what the schema knows at each place of the configuration."""

import types
import typing
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel

from nemo_reasoning.config import Config
from nemo_reasoning.errors import closest, nearest


@dataclass(frozen=True)
class Place:
    """A place of the configuration, by default its root.

    Attributes:
        kinds: Types that a value may have there.
        default: The schema's default there; None where it has none, or where it is not to be looked at.
    """

    kinds: tuple[Any, ...] = (Config,)
    default: Any = None

    @property
    def names(self) -> set[str]:
        """Names that are known there."""
        fields = {field.alias or name for section in self._sections for name, field in section.model_fields.items()}
        return fields | (set(self.default) if isinstance(self.default, dict) else set())

    @property
    def takes_any_name(self) -> bool:
        """Whether names are the user's to choose."""
        return any(member is Any or typing.get_origin(member) is dict for member in self._members)

    @property
    def tags(self) -> set[str]:
        """Names of the filters that a step of curation may have; empty elsewhere."""
        return {
            section.model_fields["filter"].default for section in self._sections if "filter" in section.model_fields
        }

    def tagged(self, tag: str) -> "Place":
        """The same place, where the step's filter is known."""
        return Place(tuple(s for s in self._sections if "filter" in s.model_fields and tag in Place((s,)).tags))

    def inside(self, name: str) -> "Place":
        """The place `name` in this one; without kinds where there is none."""
        own = self.default
        default = own.get(name) if isinstance(own, dict) else getattr(own, name, None)
        if isinstance(default, BaseModel):
            return Place((type(default),), default)
        return Place(tuple(kind for member in self._members for kind in _inside(member, name)), default)

    @property
    def _members(self) -> list[Any]:
        return [member for kind in self.kinds for member in _members(kind)]

    @property
    def _sections(self) -> list[type[BaseModel]]:
        return [member for member in self._members if _is_section(member)]


def explain(key: str, groups: Collection[str] = ()) -> str:
    """Why there is no setting `key` to change: its first wrong name, or that it must be added.

    Example:
        >>> explain("distil.lr")
        "distil is not a setting; did you mean 'distill'?"
    """
    place, parts = Place(default=Config()), key.split(".")
    for number, part in enumerate(parts, 1):
        names = place.names.union(groups if number == 1 else ())
        wrong = ".".join(parts[:number])
        if part not in names and not place.takes_any_name:
            return f"{wrong} is not a setting{nearest(part, names)}"
        if part not in names and (meant := closest(part, names)):
            return f"{wrong} is not set by the chosen groups; did you mean '{meant}', or +{key}=... to add it?"
        place = place.inside(part)
    return f"{key} is not set by the chosen groups; add it with +{key}=..."


def locate(location: tuple[int | str, ...]) -> tuple[str, Place, Place]:
    """The key at pydantic's location, which also names members of unions; the place that holds it, and its own."""
    parts: list[str] = []
    holder = place = Place()
    for part in map(str, location):
        if part in place.tags and not place.inside(part).kinds:
            place = place.tagged(part)
        else:
            parts.append(part)
            holder, place = place, place.inside(part)
    return ".".join(parts), holder, place


def _inside(member: Any, name: str) -> list[Any]:
    """Types of what is found under `name` in a value of type `member`."""
    if _is_section(member):
        return [field.annotation for own, field in member.model_fields.items() if name in (own, field.alias)]
    if typing.get_origin(member) in (dict, list):
        return [typing.get_args(member)[-1]]
    return [Any] if member is Any else []


def _is_section(member: Any) -> bool:
    return isinstance(member, type) and issubclass(member, BaseModel)


def _members(kind: Any) -> Iterator[Any]:
    """The alternatives of a union, through annotations."""
    origin = typing.get_origin(kind)
    if origin is Annotated:
        yield from _members(typing.get_args(kind)[0])
    elif origin in (typing.Union, types.UnionType):
        for argument in typing.get_args(kind):
            yield from _members(argument)
    else:
        yield kind
