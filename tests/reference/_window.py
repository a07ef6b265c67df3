"""Geometry shared by every op that slides a window over an image."""

import numpy as np


def pair(v):
    return (v, v) if np.ndim(v) == 0 else tuple(v)


class Window:
    """Kernel (R, S), stride, padding, dilation over an (H, W) image -> (OH, OW) outputs."""

    def __init__(self, image, kernel, stride, padding, dilation=1, ceil_mode=False):
        self.image, self.kernel = tuple(image), pair(kernel)
        self.stride, self.padding, self.dilation = pair(stride), pair(padding), pair(dilation)
        self.output = tuple(
            self._output_size(*sizes, ceil_mode)
            for sizes in zip(
                self.image, self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )
        # The padded image is as large as the last window needs (ceil_mode may pass H + 2 pad).
        self.padded = tuple(
            max(n + 2 * p, (o - 1) * s + d * (k - 1) + 1)
            for n, p, o, s, d, k in zip(
                self.image, self.padding, self.output, self.stride, self.dilation, self.kernel,
                strict=True,
            )
        )  # fmt: skip

    @staticmethod
    def _output_size(n, k, s, p, d, ceil_mode):
        span = n + 2 * p - d * (k - 1) - 1
        if not ceil_mode:
            return span // s + 1
        out = -(-span // s) + 1
        return out - 1 if (out - 1) * s >= n + p else out  # the last window must start inside

    def pad(self, x, value=0.0):
        """(..., H, W) -> the padded image, in float64."""
        out = np.full((*x.shape[:-2], *self.padded), value, dtype=np.float64)
        self.inside(out)[...] = x
        return out

    def inside(self, padded):
        """The view of a padded image that holds the image itself."""
        (h, w), (ph, pw) = self.image, self.padding
        return padded[..., ph : ph + h, pw : pw + w]

    def taps(self):
        """Each (r, s) with the slices of the padded image that it reads: one pixel an output."""
        (oh, ow), (sh, sw), (dh, dw) = self.output, self.stride, self.dilation
        for r in range(self.kernel[0]):
            for s in range(self.kernel[1]):
                rows = slice(r * dh, r * dh + (oh - 1) * sh + 1, sh)
                cols = slice(s * dw, s * dw + (ow - 1) * sw + 1, sw)
                yield r, s, (..., rows, cols)
