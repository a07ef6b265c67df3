"""Hand-made kernels on a real photo: what a convolution can do before anything is learnt.

Each kernel slides over the photo (scikit-learn's "china.jpg") through `fastnn.kernels.conv2d`,
the three colours as three images of one channel. Sharpening and blurring kernels sum to one and
keep the brightness; edge kernels sum to zero, so that even areas become 0, shown in grey.
"""

import numpy as np
from _example import INK, figure, options, save

from fastnn import kernels

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16
KERNELS = {
    "identity": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "box blur, 5 x 5": np.full((5, 5), 1 / 25),
    "Gaussian blur, 5 x 5": np.outer(BINOMIAL, BINOMIAL),
    "edges (Laplace)": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "edges (all neighbours)": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    "vertical edges (Sobel)": SOBEL,
    "horizontal edges (Sobel)": SOBEL.T,
}


def load_photo():
    """A part of the photo, (3, 1, 180, 260) in [0, 1]: colours as images, because each is filtered
    by itself."""
    from sklearn.datasets import load_sample_image

    photo = load_sample_image("china.jpg")[90:270, 100:360]
    return photo.transpose(2, 0, 1)[:, None].astype(np.float32) / 255


def apply(kernel, photo):
    """The photo under the kernel, of the same size (zeros are added around it)."""
    r, s = kernel.shape
    weight = kernel.astype(np.float32)[None, None]
    return kernels.conv2d(photo, weight, padding=(r // 2, s // 2))


def main(argv=None):
    arguments = options(__doc__, argv)
    photo = load_photo()
    results = {}
    picture = figure(7.6, 3.2, "Kernels made by hand")
    panels = picture.subplots(2, 4).ravel()
    for panel, (name, kernel) in zip(panels, KERNELS.items(), strict=True):
        filtered = apply(kernel, photo)
        inside = filtered[:, :, 2:-2, 2:-2]  # beyond the reach of the added zeros
        results[name] = {"sum": float(kernel.sum()), "mean": float(inside.mean()),
                         "std": float(inside.std())}  # fmt: skip
        print(f"{name}: sums to {kernel.sum():g}, mean {inside.mean():.3f}, std {inside.std():.3f}")
        shown = filtered[:, 0].transpose(1, 2, 0)
        if abs(kernel.sum()) < 0.5:  # an edge kernel: 0 is grey, and colours do not matter
            shown = 0.5 + shown.mean(axis=2) / (7 * inside.std())
        panel.imshow(shown.clip(0, 1), cmap="gray", vmin=0, vmax=1)
        panel.set_title(name, loc="left", fontsize=9, color=INK)
        panel.set_axis_off()
    results["photo"] = {"mean": float(photo[:, :, 2:-2, 2:-2].mean())}
    save(picture, arguments.out, "convolution_kernels.png")
    return results


if __name__ == "__main__":
    main()
