"""Recovery from the measurements of deepinv's own physics, where deepinv is installed.

The interface alone, without deepinv, is tested in test_recovery.py.
"""

from collections.abc import Callable
from typing import Any

import pytest

from monic import InversionError
from monic.inversion import Recovery, recover

torch = pytest.importorskip("torch")
deepinv = pytest.importorskip("deepinv", exc_type=ImportError)  # it needs torchvision, too

from monic.inversion.search import Search  # noqa: E402 - needs torch

QUICK = Search(restarts=6, steps=200, polish=100)
IMAGE = (1, 6, 6)


def decoder(dtype: Any = torch.float64) -> Any:
    """A small generator of images (1, 6, 6) from 3 numbers."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 20),
        torch.nn.ReLU(),
        torch.nn.Linear(20, 36),
        torch.nn.Unflatten(1, IMAGE),
    ).to(dtype)


def kernel(dtype: Any) -> Any:
    return torch.rand(1, 1, 3, 3, generator=torch.Generator().manual_seed(1)).to(dtype) / 9


def inpainting(dtype: Any = torch.float64) -> Any:
    random = torch.Generator().manual_seed(0)
    return deepinv.physics.Inpainting(img_size=IMAGE, mask=0.5, rng=random).to(dtype)


def compressed(dtype: Any = torch.float64) -> Any:
    random = torch.Generator().manual_seed(0)
    return deepinv.physics.CompressedSensing(m=15, img_size=IMAGE, rng=random, dtype=dtype)


def blur(dtype: Any, padding: str = "circular") -> Any:
    return deepinv.physics.Blur(filter=kernel(dtype), padding=padding)


def downsampling(dtype: Any, kind: str | None = None) -> Any:
    return deepinv.physics.Downsampling(img_size=IMAGE, filter=kind, factor=2).to(dtype)


#: Each in a number format; the parts of a stack have to be brought there one by one.
PHYSICS: dict[str, Callable[[Any], Any]] = {
    "compressed sensing": compressed,
    "inpainting": inpainting,
    "blur, circular": blur,
    "blur, valid": lambda dtype: blur(dtype, "valid"),
    "blur by Fourier transform": lambda dtype: deepinv.physics.BlurFFT(
        img_size=IMAGE, filter=kernel(dtype)
    ),
    "downsampling": downsampling,
    "downsampling, bilinear": lambda dtype: downsampling(dtype, "bilinear"),
    "denoising": lambda dtype: deepinv.physics.Denoising(),
    "tomography": lambda dtype: deepinv.physics.Tomography(
        angles=8, img_width=6, normalize=False
    ).to(dtype),
    "structured random": lambda dtype: deepinv.physics.StructuredRandom(
        img_size=IMAGE, output_size=IMAGE
    ),
    "composed": lambda dtype: deepinv.physics.compose(blur(dtype), inpainting(dtype)),
    "product": lambda dtype: inpainting(dtype) * blur(dtype),
    "stacked": lambda dtype: deepinv.physics.stack(
        inpainting(dtype), downsampling(dtype), blur(dtype)
    ),
}


def signals(generator: Any, count: int) -> Any:
    codes = torch.randn(count, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return generator(codes.to(next(generator.parameters()))).detach()


def squares(physics: Any, found: Recovery, y: Any) -> Any:
    """|A G(z) - y|^2 a sample, by deepinv's own arithmetic."""
    fitted = physics.A(found.signal)
    parts = zip(fitted, y, strict=True) if hasattr(y, "append") else [(fitted, y)]
    return sum(((a - b).flatten(1).double() ** 2).sum(dim=1) for a, b in parts)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", PHYSICS)
def test_every_linear_physics(name: str, dtype: Any) -> None:
    """A batch comes back up to the accuracy of its number format."""
    generator = decoder(dtype)
    physics = PHYSICS[name](dtype)
    truth = signals(generator, 3)
    y = physics.A(truth)
    found = recover(generator, physics, y, latent_shape=(3,), search=QUICK)
    assert found.method == "search"
    assert found.latent.dtype == found.signal.dtype == dtype
    assert found.signal.shape == truth.shape
    # 3 numbers from at least 9: every signal is the only one with its data
    assert float((found.signal - truth).abs().max()) < (1e-4 if dtype == torch.float32 else 1e-6)
    torch.testing.assert_close(
        found.residual.double() ** 2, squares(physics, found, y), atol=1e-10, rtol=1e-3
    )


NOISES: dict[str, Callable[[], Any]] = {
    "gaussian": lambda: deepinv.physics.GaussianNoise(0.05),
    "poisson": lambda: deepinv.physics.PoissonNoise(0.02, clip_positive=True),
    "poisson and gaussian": lambda: deepinv.physics.PoissonGaussianNoise(
        0.01, 0.02, clip_positive=True
    ),
    "uniform": lambda: deepinv.physics.UniformNoise(0.05),
    "none": deepinv.physics.ZeroNoise,
}


@pytest.mark.parametrize("name", NOISES)
def test_noise_is_in_the_data_and_not_in_the_fit(name: str) -> None:
    """The code that is found explains noisy data at least as well as the true one."""
    torch.manual_seed(4)
    generator, physics = decoder(), compressed()
    physics.set_noise_model(NOISES[name]())
    truth = signals(generator, 3)
    y, exact = physics(truth), physics.A(truth)
    assert torch.equal(y, exact) == (name == "none")
    found = recover(generator, physics, y, latent_shape=(3,), search=QUICK)
    noise = (y - exact).norm(dim=1)
    assert bool((found.residual <= noise + 1e-6).all())
    error = (physics.A(found.signal) - exact).norm(dim=1)
    assert bool((error <= 2 * noise + 1e-6).all())  # both explain y


def test_one_measurement_is_a_batch_of_one() -> None:
    generator, physics = decoder(), inpainting()
    truth = signals(generator, 1)
    y = physics.A(truth)
    found = recover(generator, physics, y, latent_shape=(3,), search=QUICK)
    assert found.signal.shape == truth.shape
    with pytest.raises(InversionError, match=r"shape of the data, \(6, 6\). Got \(1, 6, 6\)"):
        recover(generator, physics, y[0], latent_shape=(3,), search=QUICK)


def test_number_formats_are_not_mixed() -> None:
    """deepinv's defaults are float32; a generator in float64 is told what to do."""
    generator, physics = decoder(), compressed(torch.float32)
    y = physics.A(signals(decoder(torch.float32), 2))
    with pytest.raises(InversionError, match=r"physics.to\(torch.float64\)"):
        recover(generator, physics, y, latent_shape=(3,), search=QUICK)
    found = recover(generator, physics.to(torch.float64), y, latent_shape=(3,), search=QUICK)
    assert float(found.residual.max()) < 1e-5


def test_complex_data_are_refused() -> None:
    generator, physics = decoder(), compressed(torch.complex128)
    y = physics.A(signals(generator, 2).to(torch.complex128))
    with pytest.raises(InversionError, match=r"complex128.*view_as_real"):
        recover(generator, physics, y, latent_shape=(3,), search=QUICK)
    with pytest.raises(InversionError, match="as the generator gives them"):
        recover(generator, physics, torch.view_as_real(y), latent_shape=(3,), search=QUICK)


def test_complex_measurements_as_real_numbers() -> None:
    """What the refusal says to do."""
    generator, physics = decoder(), compressed(torch.complex128)

    class Real:
        def A(self, x: Any) -> Any:  # noqa: N802 - deepinv's name
            return torch.view_as_real(physics.A(x.to(torch.complex128)))

    truth = signals(generator, 2)
    found = recover(generator, Real(), Real().A(truth), latent_shape=(3,), search=QUICK)
    assert float((found.signal - truth).abs().max()) < 1e-6


def test_magnetic_resonance_has_two_real_channels() -> None:
    physics = deepinv.physics.MRI(mask=torch.ones(2, 6, 6), img_size=(2, 6, 6))
    one = decoder()
    generator = torch.nn.Sequential(one, torch.nn.Conv2d(1, 2, 1).double())
    truth = signals(generator, 2)
    found = recover(generator, physics, physics.A(truth), latent_shape=(3,), search=QUICK)
    assert float((found.signal - truth).abs().max()) < 1e-6


def test_phase_retrieval_is_not_linear_and_fitted_all_the_same() -> None:
    physics = deepinv.physics.RandomPhaseRetrieval(
        m=72, img_size=IMAGE, dtype=torch.complex128, rng=torch.Generator().manual_seed(0)
    )
    one = decoder()

    def generator(z: Any) -> Any:
        return one(z).to(torch.complex128)

    y = physics.A(signals(one, 2).to(torch.complex128))
    assert not y.is_complex()
    found = recover(generator, physics, y, latent_shape=(3,), search=Search(restarts=12))
    torch.testing.assert_close(physics.A(found.signal), y, atol=1e-6, rtol=1e-6)
