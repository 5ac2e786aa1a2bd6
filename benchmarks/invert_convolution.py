"""CPU seconds of inverting layers [C; -C] of convolutions with zero padding, without their matrix.

For each layer: steps of conjugate gradients and seconds with and without the circulant neighbour
that makes them fewer, on exact data and with noise of 1% of |y|.

Run: python benchmarks/invert_convolution.py [--samples 4]
"""

import argparse
import time
from unittest import mock

import numpy as np

from monic import ReLULayer
from monic.inversion import Inverter, conjugate
from monic.inversion.circulant import CirculantGram
from monic.model import ChannelScale, Concat, Convolution, Geometry, Input


def layers(rng: np.random.Generator) -> dict[str, ReLULayer]:
    def random(filters: int, channels: int) -> np.ndarray:
        return rng.standard_normal((filters, channels, 3, 3)) / (9 * channels) ** 0.5

    near = 0.3 * random(16, 16)
    near[np.arange(16), np.arange(16), 1, 1] += 1.0
    blur = np.zeros((2, 1, 3, 3))
    blur[0, 0] = np.outer([1, 2, 1], [1, 2, 1]) / 16
    blur[1, 0, 1] = [0, 0.1, -0.1]
    kernels = {
        "32 -> 128, random": (random(64, 32), Geometry((32, 32, 32), padding=1)),
        "16 -> 32, near identity": (near, Geometry((16, 32, 32), padding=1)),
        "1 -> 4, blur and gradient": (blur, Geometry((1, 48, 48), padding=1)),
    }
    found = {}
    for name, (kernel, grid) in kernels.items():
        z = Convolution(kernel, Input(int(np.prod(grid.shape))), grid)
        found[name] = ReLULayer(Concat((z, ChannelScale(-np.ones(len(kernel)), z))))
    return found


class Counted(conjugate._Progress):
    """Counts steps of conjugate gradients."""

    steps = 0

    def goes_on(self, size: np.ndarray) -> bool:
        answer = super().goes_on(size)
        Counted.steps += answer
        return answer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=4)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    print("layer                       noise   circulant   steps   seconds   largest error")
    for name, layer in layers(rng).items():
        x = rng.standard_normal((options.samples, layer.map.in_dim))
        for share in (0.0, 0.01):
            for used in (True, False):
                of = CirculantGram.of if used else lambda taps: None
                with (
                    mock.patch.object(CirculantGram, "of", of),
                    mock.patch.object(conjugate, "_Progress", Counted),
                ):
                    inverter = Inverter.of(layer)
                    y = inverter.chain.value(x)
                    noise = np.random.default_rng(1).standard_normal(y.shape)
                    noise *= np.linalg.norm(y) / np.linalg.norm(noise)
                    Counted.steps, start = 0, time.process_time()
                    found = inverter.invert(y + share * noise).latent
                seconds = time.process_time() - start
                error = np.linalg.norm(found - x, axis=1) / np.linalg.norm(x, axis=1)
                print(
                    f"{name:26} {share:6.0%}   {'yes' if used else 'no':9} {Counted.steps:7d} "
                    f"{seconds:9.2f}   {error.max():.1e}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
