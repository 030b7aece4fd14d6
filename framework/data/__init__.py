"""The data pipeline: a source, then `map`, `shuffle` and `batch`, read by a `Loader`."""

from framework.core.arguments import check_classes as _check_classes
from framework.data.dataset import Dataset, GeneratorDataset, NumpySlicesDataset
from framework.data.loader import Loader

__all__ = ["Dataset", "GeneratorDataset", "Loader", "NumpySlicesDataset"]
_check_classes(globals(), __all__)
