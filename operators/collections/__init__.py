"""Incremental derived tables: code is written as if it rebuilt the world and costs what changed.

In: objects put into sources. Out: tables of values derived from them, and one consistent set of changes per commit.
Functions are pure; what they read through their context is recorded, and a change runs again exactly those that read it.
"""

from operators.collections.collection import Collection, Index
from operators.collections.computed import Context
from operators.collections.graph import Graph, Source
from operators.collections.values import Changes, Group, Keyed, Stats

__all__ = ["Changes", "Collection", "Context", "Graph", "Group", "Index", "Keyed", "Source", "Stats"]
