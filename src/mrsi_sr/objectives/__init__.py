"""What a network learns: functions of a network and a batch that return a loss, by name.

| objective | network | settings |
|---|---|---|
| regression | condition -> map | objective-regression.schema.yaml |
| adversarial | condition -> map; noise, step, condition -> noisy map | objective-adversarial.schema.yaml |
| likelihood | invertible, map <-> latents given a condition | objective-likelihood.schema.yaml |
| noise_prediction | noisy map, step, condition -> noise | objective-noise_prediction.schema.yaml |

The settings are in workflow/schemas. A batch has `target`, float [B, 1, H, W], and `condition`. All that is random is
drawn from the generator given. Beside being callable an objective may have

| | |
|---|---|
| validation(network, batch, generator) | the loss that picks the best weights, where it is not the one trained on |
| critic, critic_steps, critic_loss(network, batch, generator) | trained beside the network, with a loss of its own |
| prepare(network, batch, generator) | what is done to a network once, before its first iteration |
"""

from collections.abc import Callable

from torch import Tensor, nn

from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.objectives.adversarial import Adversarial
from mrsi_sr.objectives.likelihood import Likelihood
from mrsi_sr.objectives.noise_prediction import NoisePrediction
from mrsi_sr.objectives.regression import Regression
from mrsi_sr.settings.old_base import schema

Objective = Callable[..., tuple[Tensor, dict[str, Tensor]]]
OBJECTIVES = {"regression": Regression, "adversarial": Adversarial, "likelihood": Likelihood}


def build(settings: dict, needed: dict[str, nn.Module] | None = None) -> Objective:
    """The objective that a network's settings name: objective(network, batch, generator) -> (loss, its named parts).

    settings: complete, as network_settings.resolve_network returns them; keys that say something else are left alone.
    needed: by role, the trained networks that the objective builds on.
    """
    name = settings["objective"]
    if name == "noise_prediction":
        return NoisePrediction(schedule(settings))
    return OBJECTIVES[name](**{key: settings[key] for key in schema(f"objective-{name}")["properties"]}, **needed or {})


def schedule(settings: dict) -> Schedule:
    """The diffusion chain that a network with these settings learns: whole, or truncated to its first steps."""
    return Schedule.cosine(settings["diffusion_steps"]).first(settings["truncation"])
