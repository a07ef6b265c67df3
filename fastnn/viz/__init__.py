"""Pictures of what a model has learnt, sees, and gets wrong (needs matplotlib, the extra ``plot``).

* `filters`: the kernels of a convolution.
* `feature_maps`: what each layer makes of one image.
* `confusion_matrix`: which classes are taken for which.
* `misclassified`: images with the right and the predicted answer.

Each returns a matplotlib Figure, drawn off screen; a notebook shows it, ``.savefig(path)`` keeps
it. `title` replaces the words above the picture, `figsize` its size in inches. ImportError names
the extra where matplotlib is missing.
"""

from .answers import confusion_matrix, misclassified
from .layers import feature_maps, filters

__all__ = ["confusion_matrix", "feature_maps", "filters", "misclassified"]
