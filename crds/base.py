"""What all models share: camelCase on the wire, frozen values, and how strict each side is.

Fields that Kubernetes leaves null are read as if they were absent, so that a default is a default.
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel


class ApiModel(BaseModel):
    """A value of the API: frozen, compared by content."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: object) -> object:
        if isinstance(data, Mapping) and None in data.values():
            return {name: value for name, value in data.items() if value is not None}
        return data

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read an object as the API server sends it; ValueError where it is not one."""
        return cls.model_validate(dict(body))


class OwnModel(ApiModel):
    """A part of our own kinds: unknown fields are refused, as the API server does under our schema."""

    model_config = ConfigDict(extra="forbid")
