"""How to cite monic and the paper whose theory it decides; CITATION.cff says the same."""

__all__ = ["CITATION"]

CITATION = """\
The software:

  @software{monic,
    title   = {monic: exact decisions, with proofs, about the injectivity of ReLU networks},
    author  = {{the monic authors}},
    version = {%s},
  }

The theory:

  @article{puthawala2022globally,
    title   = {Globally Injective {ReLU} Networks},
    author  = {Puthawala, Michael and Kothari, Konik and Lassas, Matti and
               Dokmani{\\'c}, Ivan and de Hoop, Maarten},
    journal = {Journal of Machine Learning Research},
    volume  = {23},
    number  = {105},
    pages   = {1--55},
    year    = {2022},
  }"""
