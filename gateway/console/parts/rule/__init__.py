"""The visual builder of rules: the whole rule language as forms, and the same rule as JSON, both ways."""

from gateway.console.parts.rule.builder import Builder
from gateway.console.parts.rule.explained import explained
from gateway.console.parts.rule.filters import Filters
from gateway.console.parts.rule.known import Known
from gateway.console.parts.rule.said import said

__all__ = ["Builder", "Filters", "Known", "explained", "said"]
