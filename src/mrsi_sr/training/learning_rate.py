"""Length of a training and distance of its validations in iterations, and its learning rate at each of them."""

import math

from mrsi_sr.settings.network import NetworkSettings

ITERATIONS_BETWEEN_VALIDATIONS = 1000  # where the length is given in iterations, and no other distance


def total_iterations(settings: NetworkSettings, maps: int) -> int:
    """The number of iterations of a training on that many maps."""
    return settings.iterations or settings.epochs * batches_per_epoch(settings, maps)


def iterations_between_validations(settings: NetworkSettings, maps: int) -> int:
    """The number of iterations between validations, of a training on that many maps.

    They are counted in the unit that the length is given in. As published: MUNet's 100 epochs have 100 validations.
    """
    if settings.iterations:
        return settings.validate_every or ITERATIONS_BETWEEN_VALIDATIONS
    return (settings.validate_every or 1) * batches_per_epoch(settings, maps)


def batches_per_epoch(settings: NetworkSettings, maps: int) -> int:
    """The number of batches that hold every map once."""
    return math.ceil(maps / settings.batch_size)


def learning_rate(settings: NetworkSettings, iteration: int, maps: int) -> float:
    """The learning rate of an iteration, counted from 0, of a training on that many maps."""
    if settings.decay == "linear":
        return settings.learning_rate * (1 - iteration / total_iterations(settings, maps))
    if settings.decay == "halve":
        epoch = iteration // batches_per_epoch(settings, maps)
        return settings.learning_rate * 0.5 ** (epoch // settings.halve_epochs)
    return settings.learning_rate
