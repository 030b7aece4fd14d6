"""The header that keeps a page from loading or running anything that is not ours."""

from __future__ import annotations


