"""Full-size convolutional layers: verdict, time and memory for each; prints one line a layer.

    python benchmarks/convolution.py [NAME ...] [check]

where NAME is injective, regular, ends, wide, tall, few or goal; all by default.

`injective` and `regular` are the generators of Appendix F of [Puthawala et al., 2020]: a latent
code of 256, then 1024 x 4 x 4 -> 512 x 8 x 8 -> 256 x 16 x 16 -> 128 x 32 x 32 by transposed 3 x 3
convolutions with stride 2. Filters are Gaussian, float32, from a fixed seed. `ends` are their
first and last map: 4 x 4 kernels from 256 numbers to 1024 x 4 x 4 before a leaky ReLU, and
128 x 32 x 32 -> 3 x 64 x 64 before a sigmoid, decided as parts of the injective generator as a
whole, with random projections (Corollary 3) asked for. `wide` is a 3 x 3 convolution from 64 to
256 channels on 32 x 32; `tall` one from 64 to 128, with opposite filters beside; `few` are such
of 4, 8 and 16 channels, with ranks of banded matrices; `goal` the first stage with 4 x 4 kernels,
a dense rank of 15,360 columns. `check` also runs the independent checker.
"""

import resource
import sys
from collections.abc import Iterator
from time import monotonic

import numpy as np

import monic
from monic.model import (
    ChannelScale,
    ChannelShift,
    Concat,
    Convolution,
    Domain,
    Geometry,
    Input,
    Orthant,
    ReLULayer,
    TransposedConvolution,
    WholeSpace,
)

#: (channels, side) of the inputs of the three stages.
STAGES = ((1024, 4), (512, 8), (256, 16))

#: Smaller stages, and taps: 3 with output padding 1, or 4.
SCALED = (
    (128, 4, 3),
    (256, 4, 3),
    (512, 4, 3),
    (128, 8, 3),
    (128, 4, 4),
    (256, 4, 4),
    (512, 4, 4),
)


def up(channels: int, side: int, filters: int, taps: int = 3) -> TransposedConvolution:
    """Returns a transposed convolution that doubles the side."""
    random = np.random.default_rng([channels, side, taps])
    kernel = random.standard_normal((channels, filters, taps, taps)).astype(np.float32)
    kernel /= np.float32(np.sqrt(channels * taps * taps / 4))
    grid = Geometry((channels, side, side), stride=2, padding=1, output_padding=4 - taps)
    return TransposedConvolution(kernel, Input(channels * side * side), grid)


def injective() -> Iterator[tuple[str, ReLULayer]]:
    """Yields layers [C; -s^2 C], the generator's own and smaller ones."""
    sizes = [(c, s, 3) for c, s in STAGES]
    for channels, side, taps in [*SCALED, *sizes]:
        name = f"{channels} x {side} x {side}, {taps} x {taps}"
        yield opposite(name, up(channels, side, channels // 4, taps))


def regular() -> Iterator[tuple[str, ReLULayer]]:
    """Yields the layers of the regular generator, with biases."""
    for channels, side in STAGES:
        domain: Domain = WholeSpace() if side == 4 else Orthant()
        bias = 0.1 * np.random.default_rng(2).standard_normal(channels // 2)
        step = ChannelShift(bias.astype(np.float32), up(channels, side, channels // 2))
        yield f"regular {channels} x {side} x {side}", ReLULayer(step, domain=domain)


def ends(*, checked: bool) -> None:
    """Decides the injective generator with its first and its last map, and prints its stages."""
    random = np.random.default_rng(4)
    kernel = random.standard_normal((256, 1024, 4, 4)).astype(np.float32) / np.float32(64)
    first = TransposedConvolution(kernel, Input(256), Geometry((256, 1, 1)))
    stages = [monic.Stage("first", first, monic.Activation.LEAKY_RELU)]
    for channels, side in STAGES:
        name = f"{channels} x {side} x {side}"
        layer = opposite(name, up(channels, side, channels // 4))[1]
        stages.append(monic.Stage(name, layer.map))
    stages.append(monic.Stage("last", up(128, 32, 3), monic.Activation.SIGMOID))
    network = monic.Network(stages)
    began = monotonic()
    decision = monic.decide(network, assume="random-projections", time_limit=300)
    spent = monotonic() - began
    for stage in decision.stages:
        found = stage.decision
        print(
            f"{stage.name:36} {stage.shape!s:18} {found.verdict.name:14} {found.method:15} "
            f"{found.statistics.seconds:6.1f} s"
        )
        if checked and found.certificate is not None:
            began = monotonic()
            monic.check(found.certificate, network)
            print(f"    checked in {monotonic() - began:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{decision.verdict.name}: {spent:.1f} s, peak {peak:.2f} GiB so far", flush=True)
    print(f"    {decision.reason}", flush=True)


def wide() -> Iterator[tuple[str, ReLULayer]]:
    """Yields a convolution of expansivity 4 with 65,536 inputs, on two domains."""
    kernel = np.random.default_rng(3).standard_normal((256, 64, 3, 3)).astype(np.float32)
    step = Convolution(kernel, Input(65536), Geometry((64, 32, 32), padding=1))
    for domain in (WholeSpace(), Orthant()):
        yield f"64 -> 256 on 32 x 32, {domain.describe()}", ReLULayer(step, domain=domain)


def opposite(name: str, y: Convolution | TransposedConvolution) -> tuple[str, ReLULayer]:
    """Returns a layer [C; -s^2 C]."""
    filters = y.out_shape[0]
    scale = np.random.default_rng(1).uniform(0.5, 2.0, filters).astype(np.float32)
    return f"[C; -s^2 C] {name}", ReLULayer(Concat((y, ChannelScale(-(scale**2), y))))


def tall() -> Iterator[tuple[str, ReLULayer]]:
    """Yields a layer that windows of opposite filters prove."""
    kernel = np.random.default_rng(0).standard_normal((128, 64, 3, 3)).astype(np.float32)
    yield opposite(
        "64 -> 128 on 32 x 32",
        Convolution(kernel, Input(65536), Geometry((64, 32, 32), padding=1)),
    )


def few() -> Iterator[tuple[str, ReLULayer]]:
    """Yields layers of few channels with twice as many filters, and those with opposite ones."""
    for channels in (4, 8, 16):
        random = np.random.default_rng(channels)
        kernel = random.standard_normal((2 * channels, channels, 3, 3)).astype(np.float32)
        grid = Geometry((channels, 32, 32), padding=1)
        step = Convolution(kernel, Input(channels * 1024), grid)
        yield opposite(f"{channels} -> {2 * channels} on 32 x 32", step)


def goal() -> Iterator[tuple[str, ReLULayer]]:
    """Yields 1024 x 4 x 4 with 4 x 4 kernels."""
    yield opposite("1024 x 4 x 4, 4 x 4", up(1024, 4, 256, 4))


def main(names: list[str]) -> None:
    """Decides the layers of the named families, all of them by default."""
    families = {
        "injective": injective,
        "regular": regular,
        "wide": wide,
        "tall": tall,
        "few": few,
        "goal": goal,
    }
    chosen = [name for name in names if name != "check"] or [*families, "ends"]
    if "ends" in chosen:
        ends(checked="check" in names)
    for name in [name for name in chosen if name in families]:
        for title, layer in families[name]():
            began = monotonic()
            decision = monic.decide(layer)
            spent = monotonic() - began
            line = f"{title:36} {layer.shape!s:18} {decision.verdict.name:14} {decision.method:15}"
            if "check" in names and decision.certificate is not None:
                began = monotonic()
                monic.check(decision.certificate, layer)
                line += f" checked in {monotonic() - began:6.1f} s"
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(f"{line} {spent:6.1f} s, peak {peak:.2f} GiB so far", flush=True)
            if decision.certificate is None:
                print(f"    {decision.reason}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
