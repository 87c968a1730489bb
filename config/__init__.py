"""What an operator can set: models, defaults, loading, clear errors, and the log."""

from .load import load_config, parse_config, require_serving
from .logs import configure_logging
from .models import Config
from .printing import effective
from .problems import ConfigError, Problem
from .schema_document import schema

__all__ = [
    "Config",
    "ConfigError",
    "Problem",
    "configure_logging",
    "effective",
    "load_config",
    "parse_config",
    "require_serving",
    "schema",
]
