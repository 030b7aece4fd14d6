"""The table's records, a module per group. Importing the package fills `framework.core.prim.PRIMS`."""
