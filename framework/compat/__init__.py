"""Coming from PyTorch: one table (`torch_api.tsv`) of its names and ours, and what is made of it.

`torch` is a stand-in module with torch's names; `port` rewrites a script; `page` writes the table as a page.
"""
