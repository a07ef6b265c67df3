"""Auto-encoders of one hidden layer on MNIST: under-complete and denoising, after Vincent et al.
2008 ("Extracting and composing robust features with denoising autoencoders", ICML).

An under-complete one has fewer hidden units than pixels, 32, and must find what images have in
common. One with 256 units, more than the images' variance needs, could nearly copy; if a part of
every input is blackened and the whole image asked for, it must know how strokes go on. The pictures
show the weights into the units, and test images with half of their pixels blackened, repaired.
"""

import numpy as np
from _codes import PrincipalComponents, reconstruction_error, run, train
from _example import GREY, INK, figure, options, save

import fastnn
from fastnn import nn
from fastnn.models.autoencoder import Autoencoder, masking_noise

SHOWN = 32  # units
REPAIRED = 10  # images


def tiles(pictures, columns):
    """Pictures (N, 784) side by side, with lines between."""
    framed = np.pad(pictures.reshape(-1, 28, 28), ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    rows = [np.concatenate(framed[i : i + columns], axis=1) for i in range(0, len(framed), columns)]
    return np.concatenate(rows)[:-1, :-1]


def draw(panel, pictures, columns, title, **colours):
    panel.imshow(tiles(pictures, columns), **colours)
    panel.set_title(title, loc="left", fontsize=9, color=INK)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color(GREY)


def main(argv=None):
    arguments = options(__doc__, argv, images=(30_000, 6_000), epochs=(6, 6), units=(256, 200))
    train_set, test_set = fastnn.data.load_mnist()
    x, test = (part.arrays[0].reshape(-1, 784) for part in (train_set, test_set))
    x = x[: arguments.images]
    pca = PrincipalComponents(x, 32)
    results = {"pca": reconstruction_error(pca.decode(pca.encode(test)), test)}
    print(f"32 principal components: test error {results['pca']:.2f}")

    half = masking_noise(0.5)
    noisy, _ = half((test, test), np.random.default_rng(0))
    kinds = {
        "under-complete": (32, nn.Sigmoid, None),
        "complete": (arguments.units, nn.Sigmoid, None),
        "denoising": (arguments.units, nn.Sigmoid, half),
    }
    models, repaired = {}, {}
    for name, (units, code, noise) in kinds.items():
        fastnn.manual_seed(arguments.seed)
        models[name] = Autoencoder([784, units], code=code)
        errors = train(
            name, models[name], x, test, epochs=arguments.epochs, lr=4e-3, transform=noise
        )
        repaired[name] = run(models[name], noisy)
        results[name] = errors[-1], reconstruction_error(repaired[name], test)
        print(f"{name}, {units} units: test error {errors[-1]:.2f}, "
              f"of half blackened images {results[name][1]:.2f}")  # fmt: skip

    picture = figure(10, 5.4, "Auto-encoders of one hidden layer on MNIST")
    above, below = picture.subfigures(2, 1, height_ratios=(1.9, 1))
    for panel, (name, model) in zip(above.subplots(1, 3), models.items(), strict=True):
        weight = model.encoder[0].weight.data
        largest = np.quantile(np.abs(weight[:SHOWN]), 0.99)
        title = f"{name}, {len(weight)} units: error {results[name][0]:.1f}"
        draw(panel, weight[:SHOWN], 8, title, cmap="RdBu", vmin=-largest, vmax=largest)
    rows = [noisy, repaired["complete"], repaired["denoising"], test]
    rows = np.concatenate([row[:REPAIRED] for row in rows])
    title = "half blackened; repaired by the complete and the denoising one; whole"
    draw(below.subplots(), rows, REPAIRED, title, cmap="gray_r", vmin=0, vmax=1)
    save(picture, arguments.out, "autoencoder.png", colours=48)
    return results


if __name__ == "__main__":
    main()
