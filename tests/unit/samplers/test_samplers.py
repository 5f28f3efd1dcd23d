import pytest
import torch
from gaussian_maps import MEAN, STD, agrees, composed, denoiser, noise_from
from toy_maps import architecture, noise_of, toy_batch, toy_sampler

from mrsi_sr import networks
from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.samplers.ancestral import walk
from mrsi_sr.samplers.denoiser import Denoiser
from mrsi_sr.settings.sampler import SAMPLERS

torch.set_num_threads(1)

DENOISER = architecture(
    "denoising_unet", channels=[8, 16], residual_blocks=1, attention_at=[], heads=2, diffusion_steps=6
)


def build_chain(kind="ancestral", spread=0.1, **settings):
    torch.manual_seed(0)
    network = networks.build(DENOISER)
    torch.nn.init.normal_(network.last.weight, std=spread)
    given = {"denoiser": Denoiser.trained(network, DENOISER), **drawn_by(kind)}
    return toy_sampler(kind, given, **settings)


def drawn_by(kind: str) -> dict:
    """The network that draws the map at the truncation point, of the samplers that have one."""
    if kind == "ftddm":
        return {"flow": networks.build(architecture("flow", features=4, levels=2, steps=1))}
    return {"generator": lambda x, step, condition: x} if kind == "tdpm" else {}


@pytest.mark.parametrize(("variance", "theirs"), [("posterior", "fixed_small"), ("beta", "fixed_large")])
def test_ancestral_sampling_agrees_with_diffusers_step_by_step(variance, theirs):
    from diffusers import DDPMScheduler

    reference = DDPMScheduler(
        num_train_timesteps=50, beta_schedule="squaredcos_cap_v2", variance_type=theirs, clip_sample=False
    )
    ours, states = Schedule.cosine(50), []

    def denoise(x, step):
        states.append(x)
        return torch.sin(3 * x) + 0.01 * step

    x = noise_from(0)(torch.empty(2, 1, 8, 8))
    image, nfe = walk(denoise, x, ours, mask=torch.ones_like(x), variance=variance, noise=noise_from(1))
    generator = torch.Generator().manual_seed(1)
    for step, state in zip(reference.timesteps, [*states[1:], image], strict=True):
        estimate = torch.sin(3 * x) + 0.01 * step
        x = reference.step(estimate, step, x, generator=generator).prev_sample
        # diffusers keeps its tables in single precision; the first step divides by 1 - 0.999.
        assert torch.allclose(x, state, rtol=2e-3, atol=2e-3), int(step)
        x = state
    assert nfe == 50


def gaussian_sample(steps, number, **how):
    schedule, x = Schedule.cosine(steps), noise_from(0)(torch.empty(number, 1, 64, 64))
    return walk(denoiser(schedule), x, schedule, mask=torch.ones_like(x), noise=noise_from(1), **how)[0]


@pytest.mark.parametrize("variance", ["posterior", "beta"])
@pytest.mark.parametrize("temperature", [0.0, 0.9, 1.0])
def test_on_gaussian_maps_the_chain_has_the_mean_and_variance_that_its_steps_compose_to(variance, temperature):
    x = gaussian_sample(100, 64, temperature=temperature, variance=variance)
    assert agrees(x, *composed(Schedule.cosine(100).gammas.tolist(), temperature, variance))


@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_on_gaussian_maps_the_papers_chain_gives_the_maps_own_mean_and_spread(variance):
    # 1000 steps are not infinitely many: the composed standard deviation is 0.198 (posterior) and 0.2005 (beta).
    x = gaussian_sample(1000, 16, variance=variance).double()
    assert x.mean().item() == pytest.approx(MEAN, abs=0.005)
    assert x.std().item() == pytest.approx(STD, rel=0.025)


def test_at_temperature_zero_noise_beside_the_start_does_not_matter():
    schedule, x = Schedule.cosine(20), noise_from(0)(torch.empty(2, 1, 8, 8))

    def image(temperature, seed):
        given = {"mask": torch.ones_like(x), "temperature": temperature, "noise": noise_from(seed)}
        return walk(lambda x, step: 0.3 * x, x, schedule, **given)[0]

    assert torch.equal(image(0.0, 1), image(0.0, 2))
    assert not torch.equal(image(0.5, 1), image(0.5, 2))


@pytest.mark.parametrize("kind", ["zero_filled", "single_pass", "ancestral", "respaced", "dpm_solver"])
def test_every_sampler_gives_maps_that_are_zero_outside_the_mask_and_counts_its_evaluations(kind):
    condition = toy_batch().condition
    if kind not in ("zero_filled", "single_pass"):
        sampler = build_chain(kind, **({} if kind == "ancestral" else {"steps": 3}))
    else:
        given = {"network": networks.build(architecture("munet", channels=2))} if kind == "single_pass" else {}
        sampler = toy_sampler(kind, given)
    with torch.no_grad():
        images, nfe = sampler(condition, noise_from(0))
    assert images.shape == condition.mask.shape and torch.isfinite(images).all()
    assert images[condition.mask == 0].abs().max() == 0 < images.abs().max()
    assert nfe == {"zero_filled": 0, "single_pass": 1, "ancestral": 6, "respaced": 3, "dpm_solver": 4}[kind]


def test_every_state_of_the_chain_is_zero_outside_the_mask():
    mask = toy_batch().condition.mask

    def denoise(x, step):
        assert x[mask == 0].abs().max() == 0
        return torch.ones_like(x)

    walk(denoise, noise_from(0)(mask), Schedule.cosine(10), mask=mask)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("ancestral", {"temperature": 0.0}),
        ("respaced", {"steps": 3, "temperature": 0.0}),
        ("dpm_solver", {"steps": 3}),
        ("ftddm", {"temperature": 0.0}),
        ("ftddm", {"solver": "dpm_solver", "steps": 3}),
        ("tdpm", {"temperature": 0.0}),
        ("tdpm", {"solver": "dpm_solver", "steps": 3}),
    ],
)
@pytest.mark.parametrize(("protocol", "ceiling"), [("paper", 1.0), ("clean", 2.0)])
def test_clipping_bounds_the_clean_map_of_every_chain_by_the_ceiling_and_else_changes_nothing(
    kind, settings, protocol, ceiling
):
    """One rule for all samplers with a chain: so a table can compare them with equal bounds."""
    condition = toy_batch(protocol=protocol).condition

    def image(clip):
        with torch.no_grad():
            return build_chain(kind, spread=0.02, clip=clip, **settings)(condition, noise_from(0))[0][
                condition.mask > 0
            ]

    whole = image(None)
    assert (image([-1000.0, 1000.0]) - whole).norm() < 1e-3 * whole.norm()  # rounding alone
    # The last step is the estimate itself; this network, which has learned nothing, is far out of these bounds.
    low, high = 0.25 * ceiling, 0.5 * ceiling
    inside = image([0.25, 0.5])
    assert inside.min() > low - 1e-4 and inside.max() < high + 1e-4
    assert whole.min() < low and whole.max() > high


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("ancestral", {"temperature": 0.9, "variance": "beta"}),
        ("respaced", {"steps": 3, "temperature": 0.9}),
        ("dpm_solver", {"steps": 3}),
    ],
)
def test_a_sample_depends_on_its_own_noise_and_not_on_its_batch(kind, settings):
    condition, sampler = toy_batch(4).condition, build_chain(kind, **settings)

    with torch.no_grad():
        together, _ = sampler(condition, noise_of([0, 1, 2, 3]))
        apart, _ = sampler(condition.select([2, 3]), noise_of([2, 3]))
    assert torch.allclose(together[2:], apart, atol=1e-5)


def test_the_page_of_methods_names_every_sampler(repository):
    page = (repository / "docs" / "methods.md").read_text()
    assert [kind for kind in SAMPLERS if f"| `{kind}` |" not in page] == []
