"""Trains one arm: WGAN with gradient penalty, and an inference network in tandem.

Each batch trains the critic, and the inference network on the same fakes (it learns I(G(z)) = z;
its gradient does not reach the generator). Every `critic_steps`-th batch trains the generator.
Batch k draws from a generator seeded by the seed and k alone: a run that was interrupted goes on
bit by bit as if it had not been (on one machine, with the same number of threads).

Run: python experiments/gan/train.py experiments/gan/configs/digits.toml --arm injective --seed 0
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

import checkpoint
import data
import model
from config import Config, ExperimentError, read
from monic.errors import MonicError

FILE = "checkpoint.safetensors"


class Run:
    """Holds what is trained of one arm and one seed, in a folder of its own."""

    def __init__(self, config: Config, arm: str, seed: int, folder: Path) -> None:
        if arm not in model.ARMS:
            raise ExperimentError(f"Expected an arm of {model.ARMS}. Got {arm!r}.")
        self.config, self.arm, self.seed, self.folder = config, arm, seed, folder
        self.device, self.done = device_of(config.train.device), 0
        torch.manual_seed(seed)  # critic and inference network start alike in both arms
        self.critic, self.inference = model.critic(config), model.inference(config)
        torch.manual_seed(seed)
        self.generator = model.generator(arm, config)
        for network in (self.generator, self.critic, self.inference):
            network.to(self.device)
        self.optimizers = [
            torch.optim.Adam(
                n.parameters(), config.train.rate, (config.train.beta1, config.train.beta2)
            )
            for n in (self.generator, self.critic, self.inference)
        ]

        for optimizer in self.optimizers:  # as Adam itself begins, so that checkpoints are whole
            for weight in (w for group in optimizer.param_groups for w in group["params"]):
                optimizer.state[weight] = {
                    "step": torch.zeros(()),
                    "exp_avg": torch.zeros_like(weight),
                    "exp_avg_sq": torch.zeros_like(weight),
                }

    def parts(self) -> dict[str, Any]:
        """Returns networks and optimizers by the names that a checkpoint gives them."""
        networks = {"G": self.generator, "D": self.critic, "I": self.inference}
        return networks | {f"adam{k}": value for k, value in enumerate(self.optimizers)}

    def save(self) -> None:
        """Writes the checkpoint."""
        self.folder.mkdir(parents=True, exist_ok=True)
        whose = checkpoint.named(self.config, self.arm, self.seed)
        checkpoint.save(self.folder / FILE, whose, self.done, self.parts())

    def resume(self) -> None:
        """Goes back to where the folder's checkpoint is, if it holds one."""
        whose = checkpoint.named(self.config, self.arm, self.seed)
        if (self.folder / FILE).exists():
            self.done = checkpoint.load(self.folder / FILE, whose, self.parts())

    def batch(self, images: Tensor) -> None:
        """Trains on batch `done`, and counts it."""
        train, latent = self.config.train, self.config.model.latent
        source = torch.Generator().manual_seed((self.seed << 32) + self.done)
        real = images[self._rows(len(images))].to(self.device)
        z = model.codes(len(real), latent, source).to(self.device)
        with torch.no_grad():
            fake = self.generator(z)
        mix = torch.rand(len(real), 1, 1, 1, generator=source).to(self.device)
        loss = self.critic(fake).mean() - self.critic(real).mean()
        loss = loss + train.penalty * penalty(self.critic, mix * real + (1 - mix) * fake)
        self._step(1, loss)
        self._step(2, (self.inference(fake) - z.flatten(1)).square().mean())
        if self.done % train.critic_steps == train.critic_steps - 1:
            z = model.codes(len(real), latent, source).to(self.device)
            self._step(0, -self.critic(self.generator(z)).mean())
        self.done += 1

    def _rows(self, count: int) -> Tensor:
        """Returns which images batch `done` holds: each epoch has an order of its own."""
        size = min(self.config.train.batch, count)
        epoch, place = divmod(self.done, count // size)
        order = torch.Generator().manual_seed((self.seed << 32) + (1 << 31) + epoch)
        return torch.randperm(count, generator=order)[place * size : (place + 1) * size]

    def _step(self, which: int, loss: Tensor) -> None:
        optimizer = self.optimizers[which]
        optimizer.zero_grad(set_to_none=True)
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        for weight, grad in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = grad
        optimizer.step()

    def batches(self, images: Tensor) -> int:
        """Returns how many batches the whole training has."""
        return self.config.train.epochs * (
            len(images) // min(self.config.train.batch, len(images))
        )


def penalty(critic: nn.Module, between: Tensor) -> Tensor:
    """Returns the mean of (|grad D(x)| - 1)^2 over points between real and fake images."""
    between = between.detach().requires_grad_()
    [slope] = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    mean: Tensor = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return mean


def device_of(name: str) -> torch.device:
    """Returns a device of torch; "auto" is the GPU where there is one.

    Raises:
        ExperimentError: when torch does not know it, or there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise ExperimentError(
            f"Expected a device such as cpu or cuda. Got {name}: {error}"
        ) from None


def train(run: Run, images: Tensor) -> None:
    """Trains to the end, or until Ctrl-C, which keeps what was done."""
    run.resume()
    total = run.batches(images)
    with _progress(f"{run.arm}, seed {run.seed}", total, run.done) as advance:
        try:
            while run.done < total:
                run.batch(images)
                advance()
                if run.done % run.config.train.save_every == 0:
                    run.save()
        finally:  # an interruption, too
            run.save()


@contextlib.contextmanager
def _progress(text: str, total: int, done: int) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = not sys.stderr.isatty()
    from rich.console import Console

    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=hidden) as bar:
        task = bar.add_task(text, total=total, completed=done)
        yield lambda: bar.advance(task)


def with_device(config: Config, device: str | None) -> Config:
    """Returns the configuration for another device."""
    return (
        config if device is None else replace(config, train=replace(config.train, device=device))
    )


def command_line(description: str | None) -> argparse.ArgumentParser:
    """Returns what training and evaluation of one arm and seed are asked."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--arm", choices=model.ARMS, default="injective")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--device", help="cpu, cuda, cuda:1, auto; instead of the configuration's")
    return parser


def main() -> None:
    """Reads the command line, trains, and says where the checkpoint is."""
    asked = command_line(__doc__).parse_args()
    try:
        config = with_device(read(asked.config), asked.device)
        images, _ = data.load(config.data)
        run = Run(config, asked.arm, asked.seed, asked.out / f"{asked.arm}-{asked.seed}")
        train(run, images)
    except MonicError as error:
        sys.exit(f"train: {error}")
    except KeyboardInterrupt:
        sys.exit("train: interrupted; the same command goes on where it stopped")
    print(f"trained {run.done} batches; {run.folder / FILE}")


if __name__ == "__main__":
    main()
