"""Images as one tensor (count, colors, size, size) of float32 in [0, 1], with labels if any.

The loaders take what is on the machine: the digits of scikit-learn (8x8, inside the package), an
.npz file of uint8 images, or a folder of your own, such as CelebA or FFHQ, which nobody but their
owners may hand on.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from config import Data, ExperimentError

#: What a folder is searched for.
ENDINGS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".webp")


def load(data: Data) -> tuple[Tensor, Tensor | None]:
    """Returns the images and their labels.

    Raises:
        ExperimentError: when there are none, or they are not what the configuration says.
    """
    if data.source == "digits":
        images, labels = _digits()
    elif Path(data.source).is_dir():
        images, labels = _folder(data), None
    else:
        images, labels = _npz(data.source)
    if data.limit:
        images, labels = images[: data.limit], None if labels is None else labels[: data.limit]
    return _fitted(torch.from_numpy(images).permute(0, 3, 1, 2), data), labels


def _digits() -> tuple[Any, Tensor]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return np.asarray(found.images / 16, np.float32)[..., None], torch.from_numpy(found.target)


def _npz(source: str) -> tuple[Any, Tensor | None]:
    """Reads the arrays x, uint8 (count, height, width[, 3]), and label, if it is there."""
    try:
        with np.load(source, allow_pickle=False) as file:
            images = file["x"]
            named = file["label"] if "label" in file.files else None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ExperimentError(
            f"Expected 'digits', a folder of images, or an .npz file with uint8 images under x. "
            f"Got {source!r}: {error}."
        ) from None
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or not len(images):
        raise ExperimentError(
            f"Expected uint8 images (count, height, width[, colors]) under x in {source}. Got "
            f"{images.dtype} {images.shape}."
        )
    images = images[..., None] if images.ndim == 3 else images
    labels = None if named is None else torch.from_numpy(np.unique(named, return_inverse=True)[1])
    return images.astype(np.float32) / 255, labels


def _folder(data: Data) -> Any:
    """Reads pictures in the order of their names, cropped to the middle square and resized."""
    from PIL import Image, ImageOps

    paths = sorted(p for p in Path(data.source).rglob("*") if p.suffix.lower() in ENDINGS)
    if not paths:
        raise ExperimentError(
            f"Expected pictures ({', '.join(ENDINGS)}) in {data.source}. Got none."
        )
    paths = paths[: data.limit or None]
    found = np.empty((len(paths), data.size, data.size, data.colors), np.float32)
    for row, path in zip(found, paths, strict=True):
        try:
            with Image.open(path) as picture:
                plain = picture.convert("L" if data.colors == 1 else "RGB")
                square = ImageOps.fit(plain, (data.size, data.size), Image.Resampling.LANCZOS)
        except OSError as error:
            raise ExperimentError(f"Expected pictures. Got {path}: {error}.") from None
        row[:] = np.asarray(square, np.float32).reshape(row.shape) / 255
    return found


def _fitted(images: Tensor, data: Data) -> Tensor:
    """Returns images of the size and colors that are asked for, by areas and by means."""
    if images.shape[1] != data.colors and images.shape[1] != 1:
        images = images.mean(1, keepdim=True)
    if images.shape[1] != data.colors:
        images = images.expand(-1, data.colors, -1, -1)
    if tuple(images.shape[2:]) != (data.size, data.size):
        images = torch.nn.functional.interpolate(images, (data.size, data.size), mode="area")
    return images.contiguous()
