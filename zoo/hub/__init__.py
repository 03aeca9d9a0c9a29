"""The Hugging Face Hub: files from it, models to it and back, and its failures in words."""

from zoo.hub.cache import HUB_FAILURES, fetch_large_file, reason_of

__all__ = ["HUB_FAILURES", "fetch_large_file", "reason_of"]
