"""The version, as the metadata of the installed distribution has it; pyproject.toml states it."""

from importlib import metadata

__all__ = ["__version__"]

try:
    __version__ = metadata.version("scalar-autograd")
except metadata.PackageNotFoundError:  # files that were copied or unpacked, and never installed
    __version__ = "unknown"
