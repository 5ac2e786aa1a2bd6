"""Compressed sensing with generative priors."""

from typing import Any

import numpy as np
import pytest

import monic
from monic import InversionError, Network, ReLULayer
from monic.inversion import Inverter, recover
from monic.model import Activation
from tests.inversion.examples import ENTRYWISE, expanding, paired, stage

torch = pytest.importorskip("torch")

from monic.inversion.search import Search  # noqa: E402 - needs torch

QUICK = Search(restarts=6, steps=200, polish=100)


class Physics:
    """The interface of a deepinv physics: A and A_adjoint on batches of images (N, C, H, W)."""

    def __init__(self, matrix: Any, shape: tuple[int, ...]) -> None:
        self.matrix, self.shape = matrix, shape

    def A(self, x: Any, **_: object) -> Any:  # noqa: N802 - deepinv's name
        return x.flatten(1) @ self.matrix.T

    def A_adjoint(self, y: Any, **_: object) -> Any:  # noqa: N802
        return (y @ self.matrix).reshape(-1, *self.shape)


@pytest.fixture
def decoder() -> Any:
    """A small torch generator of images (1, 6, 6) from 3 numbers."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 20),
        torch.nn.ReLU(),
        torch.nn.Linear(20, 36),
        torch.nn.Unflatten(1, (1, 6, 6)),
    ).double()


def test_a_torch_generator_with_every_kind_of_measurement(
    decoder: Any, rng: np.random.Generator
) -> None:
    """One truth, three ways to say A: the signals agree with it and with each other."""
    matrix = rng.standard_normal((15, 36)) / 15**0.5
    there = torch.as_tensor(matrix)
    z = torch.as_tensor(rng.standard_normal((4, 3)))
    with torch.no_grad():
        signal = decoder(z)
    y = signal.flatten(1) @ there.T

    def numpy_forward(x: Any) -> Any:  # no gradient flows through this one
        return torch.as_tensor(x.detach().numpy().reshape(len(x), -1) @ matrix.T)

    pair = (numpy_forward, lambda y: (y @ there).reshape(-1, 1, 6, 6))
    for operator in (matrix, there, pair, Physics(there, (1, 6, 6))):
        found = recover(decoder, operator, y, latent_shape=(3,), search=QUICK)
        assert found.method == "search"
        assert found.seed == 0
        assert found.residuals.shape == (4, 6)
        assert found.signal.shape == (4, 1, 6, 6)
        assert float(found.residual.max()) < 1e-5
        assert float((found.signal - signal).abs().max()) < 1e-4
        torch.testing.assert_close(decoder(found.latent), found.signal)


def test_the_residual_is_that_of_the_signal(decoder: Any, rng: np.random.Generator) -> None:
    matrix = rng.standard_normal((8, 36))
    y = rng.standard_normal((3, 8))  # not from the generator
    found = recover(decoder, matrix, y, latent_shape=(3,), search=QUICK)
    again = np.linalg.norm(found.signal.flatten(1).numpy() @ matrix.T - y, axis=1)
    np.testing.assert_allclose(found.residual.numpy(), again, rtol=1e-9)
    assert np.all(found.residual.numpy() <= found.residuals.numpy().min(axis=1) + 1e-9)


def test_seeds_decide_and_weights_get_no_gradients(decoder: Any) -> None:
    y = torch.ones(1, 4, dtype=torch.float64)
    matrix = torch.eye(4, 36, dtype=torch.float64)
    search = Search(restarts=2, steps=20, polish=0, seed=3)
    first = recover(decoder, matrix, y, latent_shape=(3,), search=search)
    again = recover(decoder, matrix, y, latent_shape=(3,), search=search)
    other = Search(restarts=2, steps=20, polish=0, seed=4)
    assert torch.equal(first.latent, again.latent)
    assert not torch.equal(
        first.latent, recover(decoder, matrix, y, latent_shape=(3,), search=other).latent
    )
    assert all(weight.grad is None for weight in decoder.parameters())


def test_the_number_format_is_that_of_the_generator(decoder: Any) -> None:
    single = decoder.float()
    found = recover(single, np.eye(4, 36), np.ones(4), latent_shape=(3,), search=QUICK)
    assert found.latent.dtype == found.residual.dtype == torch.float32


def test_generators_that_say_their_size(decoder: Any) -> None:
    decoder.nz = 3
    y = torch.ones(4, dtype=torch.float64)
    found = recover(decoder, np.eye(4, 36), y, search=Search(restarts=2, steps=5, polish=2))
    assert found.latent.shape == (3,)
    assert found.residual.ndim == 0


def test_a_penalty_keeps_codes_short(decoder: Any, rng: np.random.Generator) -> None:
    matrix, y = rng.standard_normal((8, 36)), 3 * rng.standard_normal((2, 8))
    free = recover(decoder, matrix, y, latent_shape=(3,), search=QUICK)
    held = Search(restarts=6, steps=200, polish=100, penalty=10.0)
    short = recover(decoder, matrix, y, latent_shape=(3,), search=held)
    assert float(short.latent.norm()) < float(free.latent.norm())


def test_layerwise_with_fewer_measurements_than_pixels(rng: np.random.Generator) -> None:
    """A generator that ends in an affine map: A joined with it is inverted, no search."""
    parts = [*expanding(rng, 3, 2).stages, stage(rng, "image", (100, 12), Activation.IDENTITY)]
    network = Network(parts)
    chain = Inverter.of(network).chain
    x = rng.standard_normal((20, 3))
    matrix = rng.standard_normal((14, 100))
    found = recover(network, matrix, chain.value(x) @ matrix.T)
    assert found.method == "layerwise"
    np.testing.assert_allclose(found.latent, x, atol=1e-9)
    np.testing.assert_allclose(found.signal, chain.value(x), atol=1e-8)
    assert found.residual.max() < 1e-8
    assert found.inversion is not None


def test_layerwise_after_a_relu_needs_all_measurements(rng: np.random.Generator) -> None:
    layer = paired(rng, 4)
    chain = Inverter.of(layer).chain
    x = rng.standard_normal((10, 4))
    tall = rng.standard_normal((9, 8))
    found = recover(layer, tall, chain.value(x) @ tall.T, method="layerwise")
    np.testing.assert_allclose(found.latent, x, atol=1e-9)
    wide = tall[:6]
    y = chain.value(x) @ wide.T
    with pytest.raises(InversionError, match="dependent"):
        recover(layer, wide, y, method="layerwise")
    searched = recover(layer, wide, y, search=QUICK)
    assert searched.method == "search"
    assert isinstance(searched.latent, np.ndarray)
    np.testing.assert_allclose(searched.signal, chain.value(searched.latent), atol=1e-9)
    assert np.median(searched.residual) < 1e-6


@pytest.mark.parametrize("kind", ENTRYWISE)
def test_models_are_the_same_functions_in_torch(
    kind: Activation, rng: np.random.Generator
) -> None:
    from monic.inversion.search import as_torch

    sloped = kind in (Activation.LEAKY_RELU, Activation.PRELU, Activation.ELU)
    network = Network([stage(rng, "a", (5, 3), kind), stage(rng, "b", (7, 5), kind)])
    chain = Inverter.of(network, slopes={"a": 0.5, "b": 2.0} if sloped else {}).chain
    x = rng.standard_normal((6, 3))
    value = as_torch(chain, torch.zeros(1, dtype=torch.float64))(torch.as_tensor(x))
    np.testing.assert_allclose(value.numpy(), chain.value(x), rtol=1e-12, atol=1e-12)


LAYER = ReLULayer([[1.0], [-1.0]])


@pytest.mark.parametrize(
    ("generator", "operator", "y", "options", "message"),
    [
        (LAYER, np.eye(3), [1.0, 0.0, 0.0], {}, "A with 2 columns"),
        (LAYER, np.eye(2), [1.0, 0.0, 0.0], {}, "2 numbers, the rows of A"),
        (LAYER, np.eye(2), [1.0, float("nan")], {}, "NaN"),
        (LAYER, np.eye(2), 1.0, {}, "single number"),
        (LAYER, [[float("inf"), 0.0]], [1.0], {}, "finite numbers in A"),
        (LAYER, np.eye(2), [1.0, 0.0], {"method": "magic"}, "auto, layerwise or search"),
        (LAYER, np.eye(2), [1.0, 0.0], {"method": "search", "search": 5}, "as a monic"),
        (torch.sin, np.eye(2), [1.0, 0.0], {}, "latent_shape"),
        (7, np.eye(2), [1.0, 0.0], {}, "can be called"),
        (torch.sin, np.eye(2), [1.0, 0.0], {"method": "layerwise"}, "layerwise"),
        (torch.sin, "matrix", [1.0, 0.0], {"latent_shape": (2,)}, "Expected A as a matrix"),
        (torch.sin, np.eye(3), [1.0, 0.0, 0.0], {"latent_shape": (2,)}, "signals of 3 numbers"),
        (torch.sin, np.eye(2), [1.0, 0.0, 0.0], {"latent_shape": (2,)}, "shape of the data"),
        (LAYER, (torch.sin, torch.sin), [[1.0]], {"method": "layerwise"}, "callables"),
    ],
)
def test_refusals(
    generator: object, operator: object, y: object, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InversionError, match=message):
        recover(generator, operator, y, **options)


@pytest.mark.parametrize(
    "options", [{"restarts": 0}, {"steps": -1}, {"rate": 0.0}, {"penalty": float("nan")}]
)
def test_searches_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(InversionError, match=next(iter(options))):
        Search(**options)


def test_a_measurement_need_not_be_linear(decoder: Any) -> None:
    """Magnitudes of linear measurements, as in phase retrieval; no adjoint is asked for."""

    class Squares:
        def __init__(self, matrix: Any) -> None:
            self.matrix = matrix

        def A(self, x: Any) -> Any:  # noqa: N802 - deepinv's name
            return (x.flatten(1) @ self.matrix.T).square()

    torch.manual_seed(1)
    physics = Squares(torch.randn(40, 36, dtype=torch.float64) / 6)
    signal = decoder(torch.randn(2, 3, dtype=torch.float64)).detach()
    y = physics.A(signal)
    found = recover(decoder, physics, y, latent_shape=(3,), search=Search(restarts=12))
    assert float(found.residual.max()) < 1e-6
    torch.testing.assert_close(physics.A(found.signal), y, atol=1e-6, rtol=0)
    with pytest.raises(InversionError, match="matrix for a layerwise"):
        recover(LAYER, physics, y, method="layerwise")


class Stacked:
    """Two measurements of one signal, of different shapes, as deepinv's `stack` gives them."""

    def A(self, x: Any) -> list[Any]:  # noqa: N802
        return [x[..., ::2, ::2], x.flatten(1)[:, :7]]


def test_stacked_measurements_are_fitted_together(decoder: Any) -> None:
    torch.manual_seed(2)
    signal = decoder(torch.randn(4, 3, dtype=torch.float64)).detach()
    y = Stacked().A(signal)
    found = recover(decoder, Stacked(), y, latent_shape=(3,), search=QUICK)
    assert float((found.signal - signal).abs().max()) < 1e-4
    parts = zip(Stacked().A(found.signal), y, strict=True)
    squares = sum(((a - b).flatten(1) ** 2).sum(dim=1) for a, b in parts)
    torch.testing.assert_close(found.residual**2, squares, atol=1e-12, rtol=1e-6)
    with pytest.raises(InversionError, match=r"batches of \[4, 2\]"):
        recover(decoder, Stacked(), [y[0], y[1][:2]], latent_shape=(3,))


def test_what_callables_cannot_take_is_explained(decoder: Any) -> None:
    y = torch.ones(2, 15, dtype=torch.float64)
    single = Physics(torch.ones(15, 36), (1, 6, 6))  # float32, where the generator has float64
    with pytest.raises(InversionError, match=r"in torch.float64, .*physics.to") as caught:
        recover(decoder, single, y, latent_shape=(3,))
    assert isinstance(caught.value.__cause__, RuntimeError)
    waves = (torch.fft.fft2, torch.fft.ifft2)
    with pytest.raises(InversionError, match=r"complex128.*view_as_real"):
        recover(decoder, waves, torch.ones(2, 1, 6, 6), latent_shape=(3,))
    with pytest.raises(InversionError, match=r"complex64.*view_as_real"):
        recover(decoder, waves, torch.ones(2, 1, 6, 6, dtype=torch.cfloat), latent_shape=(3,))
    words = (lambda x: ["a"], lambda y: y)
    with pytest.raises(InversionError, match="Got list"):
        recover(decoder, words, y, latent_shape=(3,))
    half = (lambda x: [x, 1.0], lambda y: y)
    with pytest.raises(InversionError, match="something else"):
        recover(decoder, half, y, latent_shape=(3,))


@pytest.mark.parametrize(
    ("first", "shape"),
    [
        (lambda: torch.nn.Linear(3, 4), (3,)),
        (lambda: torch.nn.ConvTranspose2d(3, 4, 4), (3, 1, 1)),
        (lambda: torch.nn.ConvTranspose1d(3, 4, 4), (3, 1)),
        (
            lambda: torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4)),
            (3, 1, 1),
        ),
    ],
    ids=["linear", "transposed 2d", "transposed 1d", "conv"],
)
def test_nz_counts_the_channels_of_a_code(first: Any, shape: tuple[int, ...]) -> None:
    """As DCGANs take them: (nz, 1, 1) where a convolution comes first."""
    torch.manual_seed(0)
    generator: Any = torch.nn.Sequential(first(), torch.nn.Flatten()).double().eval()
    generator.nz = 3
    truth = torch.randn(2, *shape, dtype=torch.float64)
    signal = generator(truth).detach()
    matrix = np.random.default_rng(0).standard_normal((4, signal.shape[1]))
    y = signal @ torch.as_tensor(matrix).T
    found = recover(generator, matrix, y)
    assert found.latent.shape == truth.shape
    assert float(found.residual.max()) < 1e-6
    generator.nz = shape  # a whole shape is taken as it is
    assert recover(generator, matrix, y).latent.shape == truth.shape


def test_the_shape_of_a_code_is_not_guessed() -> None:
    for generator in (lambda z: z, torch.nn.Identity()):
        with pytest.raises(InversionError, match="latent_shape"):
            recover(generator, np.eye(2), np.zeros(2), method="search")


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_injective_modules_layer_by_layer(dtype: Any, rng: np.random.Generator) -> None:
    """Two roads to one answer: the module as it is, and the network that monic.load reads."""
    from monic.nn import InjectiveLinear, InjectiveSequential

    torch.manual_seed(0)
    hidden = (InjectiveLinear(3, 6), InjectiveLinear(6, 12), torch.nn.Linear(12, 36))
    module: Any = InjectiveSequential(*hidden, torch.nn.Unflatten(1, (1, 6, 6))).to(dtype)
    truth = torch.as_tensor(rng.standard_normal((5, 3))).to(dtype)
    signal = module(truth).detach()
    matrix = rng.standard_normal((15, 36))
    there = torch.as_tensor(matrix).to(dtype)
    y = signal.flatten(1) @ there.T
    found = recover(module, there, y, method="layerwise", latent_shape=(3,))
    assert (found.method, found.latent.dtype) == ("layerwise", dtype)
    assert not found.signal.requires_grad
    torch.testing.assert_close(found.latent, truth)
    torch.testing.assert_close(found.signal, signal)
    again = (found.signal.flatten(1) @ there.T - y).norm(dim=1)
    torch.testing.assert_close(found.residual, again)
    network = monic.load(module, input_shape=(3,))
    other = recover(network, there, y.numpy(), method="layerwise")
    np.testing.assert_allclose(found.latent.numpy(), other.latent, rtol=1e-6, atol=1e-6)
    single = recover(module, there, y[0], method="layerwise", latent_shape=(3,))
    assert (single.latent.shape, single.signal.shape) == ((3,), (1, 6, 6))
    searched = recover(module, there, y, latent_shape=(3,), search=QUICK)
    assert searched.method == "search"
    gaps = (searched.signal - signal).flatten(1).abs().amax(1)
    assert int((gaps < 1e-3).sum()) >= 3  # of 5: a search may end in a local minimum


@pytest.mark.thorough
def test_modules_that_cannot_be_layer_by_layer_say_why(decoder: Any) -> None:
    few = np.random.default_rng(0).standard_normal((8, 36))
    with pytest.raises(InversionError, match="one-to-one on what the generator's last"):
        recover(decoder, few, np.zeros(8), method="layerwise", latent_shape=(3,))
    with pytest.raises(InversionError, match="latent_shape"):
        recover(decoder, few, np.zeros(8), method="layerwise")
    pair = (torch.sin, torch.sin)
    with pytest.raises(InversionError, match="callables"):
        recover(decoder, pair, np.zeros((1, 8)), method="layerwise", latent_shape=(3,))
    bent: Any = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU())
    with pytest.raises(monic.UnsupportedModel, match="gelu"):
        recover(bent, np.eye(4), np.zeros(4), method="layerwise", latent_shape=(3,))
