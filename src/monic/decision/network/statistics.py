"""Networks with the statistics of their norms given: `assume="statistics"`.

A layer, instance, group or RMS norm is one-to-one once the mean and the standard deviation of each
group are known, since it then is affine with a factor that is not 0: it is scalar-augmented
(Definition 5 and Lemma 4 of [Puthawala et al., 2020]). docs/normalization.md has the rest.
"""

from dataclasses import replace

from monic.model import Activation, Network, Stage
from monic.model.normalization import uncentred

__all__ = ["given_statistics"]


def given_statistics(network: Network) -> Network:
    """Returns a network whose norms are taken with their statistics given: nothing is centred.

    Norms that give out their deviations stay as they are.
    """
    return Network(map(_given, network.stages), network.domain, network.reading)


def _given(stage: Stage) -> Stage:
    if stage.activation is not Activation.NORMALIZATION:
        return stage
    if stage.norm is not None and stage.norm.deviations:
        return stage
    return replace(
        stage, map=uncentred(stage.map, stage.carried), activation=Activation.GIVEN_STATISTICS
    )
