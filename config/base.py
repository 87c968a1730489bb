"""What every section of the configuration is made of."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core.core_schema import ValidationInfo

from .durations import parse_duration
from .listen import parse_listen
from .pem import checked_pem, resolved
from .problems import refuse_value
from .suggest import did_you_mean
from .text import shortened


class Section(BaseModel):
    """A mapping of the configuration file. Immutable; `older_names` still mean the keys they became."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
        use_enum_values=False,
    )

    older_names: ClassVar[dict[str, str]] = {}

    @classmethod
    def aliases(cls) -> dict[str, str]:
        """Return the attribute's name by the key in the file."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}


class Word(StrEnum):
    """One of a few words, in any letter case."""

    @classmethod
    def parse(cls, value: object) -> Word:
        """Return the member that `value` names; refuse anything else with what there is to choose from."""
        for member in cls:
            if isinstance(value, str) and value.lower() in (member.lower(), *cls.synonyms(member)):
                return member
        choice = " or ".join(f"'{member}'" for member in cls)
        given = f", not {shortened(value)}{did_you_mean(value, cls)}" if isinstance(value, str) else ""
        return refuse_value(f"expected one of {choice}{given}")

    @classmethod
    def synonyms(cls, member: Word) -> tuple[str, ...]:
        """Return other words, in lower case, that mean `member`."""
        return ()


def base_of(info: ValidationInfo) -> Path | None:
    """Return the folder that relative paths start from: the configuration file's; None without a file."""
    return info.context["base"] if info.context else None


def seconds(value: object, info: ValidationInfo) -> float:
    """Return the seconds of a duration as a file or a program gives it; refuse anything else."""
    # In a file a fraction would leave open whether it counts seconds or nanoseconds.
    if isinstance(value, float) and info.context:
        refuse_value(f"expected a duration such as '60s' or '1m30s', not the bare number {value:g}")
    try:
        return parse_duration(value)
    except ValueError as error:
        refuse_value(str(error))


def _listen(value: object) -> object:
    if isinstance(value, str):
        parse_listen(value)
    return value


def _pem(value: object, info: ValidationInfo) -> object:
    return checked_pem(value, base_of(info)) if isinstance(value, str) else value


def _file(value: object, info: ValidationInfo) -> object:
    return resolved(value, base_of(info)) if isinstance(value, str) else value


def _schema(form: str, **more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "format": form, **more})


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string"}, {"type": "integer", "exclusiveMinimum": 0}],
            "format": "duration",
        }
    ),
]
Listen = Annotated[str, BeforeValidator(_listen), _schema("host-port")]
Pem = Annotated[str, BeforeValidator(_pem), _schema("pem")]
FilePath = Annotated[Path, BeforeValidator(_file), _schema("path")]
Flag = StrictBool
