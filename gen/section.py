"""What all tables of a configuration have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the TOML file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
