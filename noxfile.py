"""Sessions for every check, each in an environment of its own: `nox -s lint types tests`."""

import pathlib

import nox

nox.options.sessions = ["lint", "types", "tests", "checker-alone", "wheel"]
ROOT = pathlib.Path(__file__).parent


@nox.session
def lint(session: nox.Session) -> None:
    session.install("-e", ".[dev]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session(name="checker-alone")
def checker_alone(session: nox.Session) -> None:
    """The checker needs python-flint and nothing else, numpy included."""
    session.install("python-flint")
    session.run("python", "-c", "import importlib.util as u; assert not u.find_spec('numpy')")
    proofs = session.create_tmp()
    session.install("--target", str(pathlib.Path(proofs) / "prover"), ".")
    prover = {"PYTHONPATH": str(pathlib.Path(proofs) / "prover")}
    model = ROOT / "examples" / "acasxu_1_1.onnx"
    session.run(
        *("python", "-m", "monic", "decide", str(model), "--certificates", f"{proofs}/out"),
        env=prover,
        success_codes=[0, 1, 3],
    )
    alone = pathlib.Path(proofs) / "alone"
    alone.mkdir(exist_ok=True)
    if not (alone / "monic_checker").exists():
        (alone / "monic_checker").symlink_to(ROOT / "src" / "monic_checker")
    for proof in sorted(pathlib.Path(proofs, "out").glob("*.monic")):
        session.run(
            *("python", "-m", "monic_checker", str(proof), str(model)),
            env={"PYTHONPATH": str(alone)},
        )


@nox.session
def wheel(session: nox.Session) -> None:
    """The built wheel, installed, passes the tests; nothing is taken from src."""
    session.install("build")
    folder = session.create_tmp()
    session.run("python", "-m", "build", "--wheel", "--outdir", folder, str(ROOT))
    [built] = pathlib.Path(folder).glob("monic_nn-*.whl")
    session.install(f"{built}[dev]")
    session.run("pytest", "-o", "pythonpath=", "tests", *session.posargs)
