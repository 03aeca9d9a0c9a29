"""A proved model laid out for what is to serve it."""

from export.layouts.standalone import write_standalone
from export.layouts.triton import TritonSettings, write_triton

__all__ = ["TritonSettings", "write_standalone", "write_triton"]
