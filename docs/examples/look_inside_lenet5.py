"""Inside LeNet-5: what `fastnn.viz` shows of a network that has learnt MNIST.

Four pictures: the first layer's kernels; what each layer makes of one digit; which digits are
taken for which; and the test images whose answers are most wrong.
"""

from _example import mnist, options, save

from fastnn import fit, models, predict, viz


def main(argv=None):
    arguments = options(__doc__, argv, images=(60_000, 3_000), epochs=(3, 2))
    (images, labels), (pictures, answers) = mnist()
    if arguments.quick:
        pictures, answers = pictures[:1000], answers[:1000]
    model = models.LeNet5()
    fit(
        model, (images[: arguments.images], labels[: arguments.images]), epochs=arguments.epochs,
        batch_size=64, progress=False,
    )  # fmt: skip
    output = predict(model, pictures)
    accuracy = float((output.argmax(axis=1) == answers).mean())
    print(f"test accuracy {accuracy:.2%}")

    drawn = {
        "filters": viz.filters(model.conv1),
        "feature_maps": viz.feature_maps(model, pictures[0]),
        "confusion": viz.confusion_matrix(output, answers),
        "misclassified": viz.misclassified(pictures, output, answers, limit=18),
    }
    for name, picture in drawn.items():
        save(picture, arguments.out, f"look_inside_lenet5_{name}.png")
    return {"accuracy": accuracy}


if __name__ == "__main__":
    main()
