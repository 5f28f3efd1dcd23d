"""Labels of methods, in which names in braces stand for settings of the method and its networks."""

from collections.abc import Iterable
from string import Formatter

from mrsi_sr.cli import UserError
from mrsi_sr.settings.errors import suggestion
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import NetworkSettings

SWEPT = "value"


def filled_in(
    label: str, method: MethodSettings, networks: Iterable[NetworkSettings], point: str = "", where: str = "the label"
) -> str:
    """A label with values in place of {steps}, {draws} and other keys, and the point's in place of {value}.

    The point of a sweep is added at the end where the label has no {value}; without a point, {value} is all of them.
    where: full name of the label, for errors.
    Raises UserError for braces that are not closed, and for a name that the method and its networks do not have.
    """
    sampler = method.points.get(point, method.sampler)  # without a point, a sweep's method as a whole
    known = {key: value for network in networks for key, value in network.plain().items() if value is not None}
    known |= {key: value for key, value in sampler.plain().items() if value is not None}
    known |= {"draws": method.draws}
    known |= {SWEPT: point or ", ".join(method.points)} if method.sweep else {}
    try:
        parts = list(Formatter().parse(label))
    except ValueError as error:
        raise UserError(f"{where} is {label!r}, which has braces that do not belong together: {error}") from None
    text = ""
    for literal, name, *_ in parts:
        text += literal
        if name is not None:
            if name not in known:
                raise UserError(f"{where} is {label!r}: {{{name}}} is not known: {suggestion(name, known)}")
            text += f"{known[name]:g}" if isinstance(known[name], float) else str(known[name])
    names = {name for _, name, *_ in parts}
    return f"{text}, {point}" if point and not names & {SWEPT, method.sweep.key} else text
