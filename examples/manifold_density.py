"""The density of a curve in space: an injective network from R^1 to R^3, fitted to samples.

Samples lie on a piece of a helix, with a density that is known. They are fitted in two steps.

1. The curve, by reconstruction: an encoder proposes codes z, and the network f takes them back.
   A penalty on log |f'(z)| keeps codes near to arc length.
2. The density, by maximal likelihood: log p(f(z)) = log p(z) - 1/2 log det J^T J at z, where p(z)
   is a mixture of normal densities and z are the codes that the encoder gives the samples.

f(z) = F(z) + epsilon A z with a ReLU network F. Since 3 >= 2 x 1 + 1, it is one-to-one for almost
every A (Theorem 5 of Globally Injective ReLU Networks, Puthawala et al.): F may be anything, but
must not depend on A. Training makes it depend on A, and so A is drawn anew between the steps.
No theorem says that the A at hand is not one of the exceptions; the decision carries this as an
assumption.

Training may stop at a worse curve for other seeds; the distance printed says so.

Run: python examples/manifold_density.py [--steps 1200] [--samples 3000] [--seed 0] [--out FOLDER]
"""

import math
from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, Normal

import monic
from monic.nn import InjectiveSkip
from shared import options, positive, save

RISE = 0.5  # of the helix, for each radian
SPEED = math.hypot(1.0, RISE)  # arc length for each radian
ENDS = 4.5  # the helix is drawn and compared from -ENDS to ENDS radians
ANYWHERE = math.inf  # a tolerance: points beside the curve are taken to a point near them on it


def helix(t: Tensor) -> Tensor:
    """Returns points of shape (N, 3) at angles of shape (N,)."""
    return torch.stack((t.cos(), t.sin(), RISE * t), 1)


def true_density() -> MixtureSameFamily:
    """The density of the angle; that with respect to arc length is it over SPEED."""
    weights = torch.tensor([0.65, 0.35], dtype=torch.float64)
    means, deviations = weights.new_tensor([-1.6, 2.0]), weights.new_tensor([0.8, 0.5])
    return MixtureSameFamily(Categorical(weights), Normal(means, deviations))


class Latent(nn.Module):
    """A mixture of normal densities on R, to be fitted."""

    def __init__(self, codes: Tensor, parts: int = 5) -> None:
        super().__init__()
        places = torch.linspace(0.05, 0.95, parts, dtype=codes.dtype)
        self.means = nn.Parameter(codes.quantile(places))
        self.logits = nn.Parameter(torch.zeros_like(places))
        self.scales = nn.Parameter(torch.full_like(places, -0.5))  # as logarithms

    def forward(self, z: Tensor) -> Tensor:
        """Returns log p(z) for codes of shape (N, 1)."""
        parts = Normal(self.means, self.scales.exp())
        found: Tensor = MixtureSameFamily(Categorical(logits=self.logits), parts).log_prob(z[:, 0])
        return found


def fit_curve(samples: Tensor, steps: int) -> tuple[InjectiveSkip, nn.Module]:
    """Returns an injective network whose range passes by the samples, and its encoder."""
    network = InjectiveSkip(
        nn.Sequential(
            *(nn.Linear(1, 64), nn.ReLU()),
            *(nn.Linear(64, 64), nn.ReLU()),
            nn.Linear(64, 3),
        ),
        in_features=1,
        out_features=3,
        epsilon=1e-3,
    ).double()
    encoder = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1)).double()
    optimiser = torch.optim.Adam([*network.parameters(), *encoder.parameters()], lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        batch = samples[torch.randint(len(samples), (128,))]
        codes = encoder(batch)
        loss = (network(codes) - batch).square().sum(1).mean()
        if step % 4 == 0:  # now and then is enough, and quicker
            loss = loss + 0.1 * network.log_det(codes).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.requires_grad_(False), encoder.requires_grad_(False)


def fit_density(network: InjectiveSkip, codes: Tensor, steps: int) -> Latent:
    """Returns the latent density under which the points with these codes are likeliest."""
    log_det = network.log_det(codes)
    latent = Latent(codes[:, 0])
    optimiser = torch.optim.Adam(latent.parameters(), lr=2e-2)
    for _ in range(steps):
        loss = -(latent(codes) - log_det).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return latent.requires_grad_(False)


@dataclass(frozen=True)
class Comparison:
    """True and fitted density along the helix, by arc length, and along the network's curve."""

    arc: Tensor
    true: Tensor
    fitted: Tensor
    curve: Tensor
    on_curve: Tensor

    def kullback_leibler(self) -> float:
        """The integral of p log(p / q) along the helix, p true and q fitted."""
        return float(torch.trapezoid(self.true * (self.true / self.fitted).log(), self.arc))

    def largest(self) -> float:
        """The largest |p - q| along the helix, relative to the largest p."""
        return float((self.true - self.fitted).abs().max() / self.true.max())

    def mass(self) -> float:
        """The integral of q along the network's curve: chords measure it, and no Jacobian."""
        chords = (self.curve[1:] - self.curve[:-1]).norm(dim=1)
        return float(((self.on_curve[1:] + self.on_curve[:-1]) / 2 * chords).sum())


def compare(network: InjectiveSkip, latent: Latent) -> Comparison:
    """Evaluates both densities."""

    def fitted(y: Tensor, tolerance: float | None) -> Tensor:
        z, log_det = network.inverse_and_log_det(y, tolerance=tolerance)
        return (latent(z) + log_det).exp()

    angles = torch.linspace(-ENDS, ENDS, 301, dtype=torch.float64)
    middle, reach = latent.means.mean(), latent.means.max() - latent.means.min()
    curve = network(torch.linspace(-1.5, 1.5, 1001).double()[:, None] * reach + middle)
    true = true_density().log_prob(angles).exp() / SPEED
    along = fitted(helix(angles), ANYWHERE)
    return Comparison(angles * SPEED, true, along, curve, fitted(curve, None))


def draw(found: Comparison, samples: Tensor) -> Figure:
    """Draws the curve in space, coloured by its density, and the densities by arc length."""
    figure = plt.figure(figsize=(10, 4.2), layout="constrained")
    space = figure.add_subplot(1, 2, 1, projection="3d")
    space.computed_zorder = False  # samples are drawn last, and not behind the curve
    shown = found.on_curve > 1e-3
    dots = space.scatter(*found.curve[shown].T, c=found.on_curve[shown], s=12, cmap="viridis")
    space.scatter(*samples[:150].T, s=2, color="black", label="some samples", depthshade=False)
    figure.colorbar(dots, ax=space, shrink=0.7, pad=0.12, label="fitted density")
    space.plot(*helix(found.arc / SPEED).T, color="0.3", lw=0.7, label="the helix")
    space.set(title="The range of the network", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    space.legend(loc="upper left")
    flat = figure.add_subplot(1, 2, 2)
    heights = (samples[:, 2] / RISE * SPEED).numpy()
    flat.hist(heights, 40, density=True, color="0.88", label="samples")
    flat.plot(found.arc, found.true, color="black", label="true")
    flat.plot(found.arc, found.fitted, color="#1f77b4", label="fitted")
    flat.set(title="Density along the helix", xlabel="arc length", ylabel="density")
    flat.legend()
    return figure


def main() -> None:
    """Samples, fits, compares, decides and draws."""
    parser = options(__doc__)
    parser.add_argument("--steps", type=positive, default=1200, help="of training, for the curve")
    parser.add_argument("--samples", type=positive, default=3000, help="points to fit")
    parser.add_argument("--seed", type=int, default=0, help="of samples, starts and matrices")
    asked = parser.parse_args()
    torch.manual_seed(asked.seed)
    samples = helix(true_density().sample((asked.samples,)))

    network, encoder = fit_curve(samples, asked.steps)
    network.resample(asked.seed + 1)  # from here on, F does not depend on A
    codes = encoder(samples)
    off = (network(codes) - samples).norm(dim=1)
    print(f"distance of the samples from the curve: median {off.median():.4f}")

    latent = fit_density(network, codes, steps=300)
    found = compare(network, latent)
    print(f"Kullback-Leibler divergence from the true density: {found.kullback_leibler():.4f}")
    print(f"largest difference, relative to the largest density: {found.largest():.2f}")
    print(f"mass on the curve, measured by chords: {found.mass():.4f}")

    print(f"\nof this matrix: {network.is_injective()}")
    model = monic.load(network, input_shape=(1,))
    decision = monic.decide(model, assume="random-projections")
    print(f"of almost every matrix: {decision.verdict.name}, assuming {decision.assumption}")
    monic.check(decision.certificate, network, input_shape=(1,))
    print("the proof, which names the assumption: valid")
    save(draw(found, samples), asked.out / "manifold_density.png")


if __name__ == "__main__":
    main()
