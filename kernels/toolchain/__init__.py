"""Compilers: from a source file to something that can be called. Knows no operator."""
