"""A small folder of Flickr8k's standard files, for trying what reads them: crops of scikit-learn's
two photos with five sentences each, `python tests/flickr8k_folder.py FOLDER`."""

import sys
from pathlib import Path

import numpy as np

PARTS = {"train": 16, "dev": 4, "test": 4}  # crops of each scene
# the photo, where crops' corners lie (top, bottom, left, right), their side, what is said of them
SCENES = {
    "flower": (
        "flower.jpg", (60, 160, 170, 270), 170,
        "An orange flower in full bloom .|A dahlia with many orange petals .|"
        "The orange petals of a dahlia .|A flower is seen from close by .|"
        "Orange petals grow around the middle of a flower .",
    ),
    "leaves": (
        "flower.jpg", (0, 280, 0, 50), 110,
        "Dark green leaves out of focus .|Blurred leaves in the shade .|"
        "The dark leaves of a garden .|A garden in the shade is out of focus .|"
        "Green leaves in front of a dark background .",
    ),
    "temple": (
        "china.jpg", (60, 190, 80, 170), 160,
        "A red temple with curved roofs .|Orange tiles cover the roofs of a temple .|"
        "The roofs of a Chinese temple .|A tall red building with many windows .|"
        "A temple with red columns and orange tiles .",
    ),
    "sky": (
        "china.jpg", (0, 60, 330, 480), 130,
        "A pale blue sky .|White clouds in a pale sky .|The sky on a bright day .|"
        "A bright sky with thin clouds .|Nothing but sky and thin clouds .",
    ),
    "trees": (
        "china.jpg", (280, 320, 330, 530), 105,
        "Trees with green leaves .|The tops of trees in summer .|Green trees near a lake .|"
        "A wood of green trees in the sun .|Leaves of trees in the light of summer .",
    ),
}  # fmt: skip


def make(folder, seed=0):
    """Flickr8k.token.txt, Flickr_8k.{train,dev,test}Images.txt and Flicker8k_Dataset/*.jpg below
    `folder`, which is made."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    found = load_sample_images()
    photos = {Path(name).name: x for name, x in zip(found.filenames, found.images, strict=True)}
    rng = np.random.default_rng(seed)
    pictures = Path(folder, "Flicker8k_Dataset")
    pictures.mkdir(parents=True)
    tokens, lists = [], {part: [] for part in PARTS}
    for scene, (photo, (top, bottom, left, right), side, sentences) in SCENES.items():
        for part, count in PARTS.items():
            for i in range(count):
                y, x = rng.integers(top, bottom), rng.integers(left, right)
                crop = photos[photo][y : y + side, x : x + side]
                name = f"{scene}_{part}_{i}.jpg"
                Image.fromarray(crop).save(pictures / name, quality=95)
                lists[part].append(name)
                tokens += [f"{name}#{k}\t{s}" for k, s in enumerate(sentences.split("|"))]
    Path(folder, "Flickr8k.token.txt").write_text("\n".join(tokens) + "\n")
    for part, names in lists.items():
        Path(folder, f"Flickr_8k.{part}Images.txt").write_text("\n".join(names) + "\n")


if __name__ == "__main__":
    make(sys.argv[1])
