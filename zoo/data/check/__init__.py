"""What is wrong with a data set, looked for before anything is trained on it."""

from zoo.data.check.check import check_dataset
from zoo.data.check.findings import SEVERITIES, Finding, FoundFile, Report, Severity, count_of
from zoo.data.check.leaks import require_no_leaks
from zoo.data.check.summary import Sizes, Summary

__all__ = [
    "SEVERITIES",
    "Finding",
    "FoundFile",
    "Report",
    "Severity",
    "Sizes",
    "Summary",
    "check_dataset",
    "count_of",
    "require_no_leaks",
]
