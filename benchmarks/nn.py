"""What an injective layer costs, as a ratio to the plain layer and its ReLU.

    python benchmarks/nn.py

Rounds of a layer and the plain one alternate; printed are the medians of the rounds' ratios and
the median CPU time of the plain layer. CPU time, so that other work on the machine counts little.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from monic.nn import InjectiveConv2d, InjectiveConvTranspose2d, InjectiveLinear, injective


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="torch.compile every module")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    for name, (modules, x) in subjects().items():
        if options.compile:
            torch.compiler.reset()  # so that no subject meets the limit of recompilations
            modules = {key: torch.compile(module) for key, module in modules.items()}
        for what, work in (("forward", forward), ("forward + backward", both)):
            print(f"{name}, {what}")
            for key in list(modules)[1:]:
                two = {"plain": modules["plain"], key: modules[key]}
                seconds = measured(two, x, work, options.rounds)
                pairs = zip(seconds[key], seconds["plain"], strict=True)
                ratio = statistics.median(a / b for a, b in pairs)
                plain = 1000 * statistics.median(seconds["plain"])
                print(f"    {key:14s} {ratio:.2f} of {plain:.1f} ms")


def subjects() -> dict[str, tuple[dict[str, nn.Module], Tensor]]:
    """The layers of the papers' networks, and inputs for them."""
    conv = lambda: nn.Conv2d(64, 128, 3, padding=1, bias=False)  # noqa: E731
    transposed = lambda: nn.ConvTranspose2d(1024, 512, 4, 2, 1, bias=False)  # noqa: E731
    linear = lambda: nn.Linear(512, 1024)  # noqa: E731
    half = nn.ConvTranspose2d(1024, 256, 4, 2, 1, bias=False)
    return {
        "Conv2d(64, 128, 3x3) on 32x64x32x32": (
            variants(conv, InjectiveConv2d(64, 128, 3, padding=1, bias=False)),
            torch.randn(32, 64, 32, 32),
        ),
        "ConvTranspose2d(1024, 512, 4x4, stride 2) on 16x1024x4x4": (
            variants(
                transposed,
                InjectiveConvTranspose2d(1024, 512, 4, stride=2, padding=1, bias=False),
            )
            | {"half alone": half},  # no injective layer computes less than half of the filters
            torch.randn(16, 1024, 4, 4),
        ),
        "Linear(512, 1024) on 256x512": (
            variants(linear, InjectiveLinear(512, 1024)),
            torch.randn(256, 512),
        ),
    }


def variants(plain: Callable[[], nn.Module], ours: nn.Module) -> dict[str, nn.Module]:
    """The plain layer, ours, and the plain one with a weight written out in pairs."""
    return {
        "plain": nn.Sequential(plain(), nn.ReLU()),
        "injective": ours,
        "parametrized": nn.Sequential(injective(plain()), nn.ReLU()),
    }


def forward(module: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        module(x)


def both(module: nn.Module, x: Tensor) -> None:
    module(x).sum().backward()
    module.zero_grad()


def measured(
    modules: dict[str, nn.Module],
    x: Tensor,
    work: Callable[[nn.Module, Tensor], None],
    rounds: int,
) -> dict[str, list[float]]:
    x = x.clone().requires_grad_(work is both)
    seconds: dict[str, list[float]] = {key: [] for key in modules}
    for turn in range(rounds + 2):  # the first two warm up
        for key, module in modules.items():
            start = time.process_time()
            work(module, x)
            x.grad = None
            if turn >= 2:
                seconds[key].append(time.process_time() - start)
    return seconds


if __name__ == "__main__":
    main()
