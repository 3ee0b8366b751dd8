"""Fine-tuning: learning rates by depth, a head that warms up, smoothed labels, averaged weights."""

import copy
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from facesift.networks.architectures import build_network
from facesift.networks.head import body_parameters, freeze_share, head_names, layers_below_head
from facesift.training.callbacks import MovingAverage, decay_at
from facesift.training.lightning_module import MemberModule
from facesift.training.losses import make_loss
from facesift.training.optimizer import make_optimizer, parameter_groups
from facesift.training.schedule import HeadWarmUp, configure_optimizer
from tests.made import default_params
from tests.made_config import CrossEntropy, Focal, Optimizer, Schedule
from tests.training.test_fit import CLASSES, RECIPE, fit, same_weights

LR = 0.1


def spec(**more):
    return Optimizer(name="adamw", lr=LR, weight_decay=0.05, **more)


def by_name(network, groups, key):
    of = {id(parameter): group[key] for group in groups for parameter in group["params"]}
    return {name: of.get(id(parameter)) for name, parameter in network.named_parameters()}


def small_network():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)), nn.Flatten(),
        nn.Linear(4, 2),
    )  # fmt: skip


def test_default_is_one_group_in_the_networks_order():
    network = timm.create_model("test_resnet", num_classes=2)
    (group,) = parameter_groups(network, spec())
    assert [id(one) for one in group["params"]] == [id(one) for one in network.parameters()]
    assert (group["lr"], group["weight_decay"]) == (LR, 0.05)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet", "test_convnext"])
def test_body_learns_slower_by_its_share(name):
    network = timm.create_model(name, num_classes=2)
    rates, head = by_name(network, parameter_groups(network, spec(body_lr=0.2)), "lr"), head_names(network)
    assert rates == {name: pytest.approx(LR if name in head else LR * 0.2) for name in rates}


def test_rates_fall_geometrically_from_the_head_down():
    network = small_network()
    rates = by_name(network, parameter_groups(network, spec(body_lr=0.5, layer_decay=0.1)), "lr")
    upper, lower = pytest.approx(LR * 0.5 * 0.1), pytest.approx(LR * 0.5 * 0.01)
    assert rates == {
        "0.weight": lower, "0.bias": lower, "1.weight": lower, "1.bias": lower,
        "2.0.weight": upper, "2.0.bias": upper, "2.1.weight": upper, "2.1.bias": upper,
        "4.weight": pytest.approx(LR), "4.bias": pytest.approx(LR),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet", "tf_efficientnet_lite0"])
def test_rates_by_layer_are_timms(name):
    network = timm.create_model(name, num_classes=2)
    ours = by_name(network, parameter_groups(network, spec(layer_decay=0.8)), "lr")
    timms = by_name(network, param_groups_layer_decay(network, layer_decay=0.8), "lr_scale")
    assert ours == {key: LR * scale for key, scale in timms.items()}


def test_layers_of_timms_networks_are_its_blocks():
    layers = layers_below_head(timm.create_model("tf_efficientnet_lite0"))
    assert layers["conv_stem.weight"] == layers["bn1.bias"] == 17
    assert layers["blocks.0.0.conv_dw.weight"] == layers["blocks.0.0.bn2.bias"] == 16
    assert layers["blocks.6.0.conv_pwl.weight"] == layers["conv_head.weight"] == 1
    assert not {"classifier.weight", "classifier.bias"} & layers.keys()


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet", "test_convnext", "test_mambaout"])
def test_layers_count_from_one_without_a_gap(name):
    layers = layers_below_head(timm.create_model(name, num_classes=2))
    assert set(layers.values()) == set(range(1, max(layers.values()) + 1))


def test_frozen_parameters_are_in_no_group_and_move_no_layer():
    network = small_network()
    free = by_name(network, parameter_groups(network, spec(layer_decay=0.5)), "lr")
    freeze_share(network, 0.5)
    rates = by_name(network, parameter_groups(network, spec(layer_decay=0.5)), "lr")
    assert rates == free | dict.fromkeys(["0.weight", "0.bias", "1.weight", "1.bias"])


def test_norms_and_biases_are_spared_the_decay():
    network = small_network()
    decays = by_name(network, parameter_groups(network, spec(decay_norms=False)), "weight_decay")
    assert {name for name, decay in decays.items() if decay} == {"0.weight", "2.0.weight", "4.weight"}


def test_places_of_a_transformer_are_spared_the_decay():
    network = timm.create_model("test_vit", num_classes=2)
    decays = by_name(network, parameter_groups(network, spec(decay_norms=False)), "weight_decay")
    assert decays["pos_embed"] == decays["cls_token"] == 0
    assert decays["patch_embed.proj.weight"] == 0.05


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_every_optimiser_takes_the_groups(name):
    groups = make_optimizer(small_network(), Optimizer(name=name, lr=LR, body_lr=0.1)).param_groups
    assert [group["lr"] for group in groups] == [pytest.approx(LR * 0.1), LR]


@pytest.mark.parametrize("name", ["one_cycle", "cosine", "step"])
def test_schedule_peaks_at_every_groups_own_rate(name):
    recipe = RECIPE.model_copy(update={"optimizer": spec(body_lr=0.1), "schedule": Schedule(name=name), "epochs": 5})
    parts = configure_optimizer(small_network(), recipe, steps_per_epoch=10)
    optimizer, schedule, rates = parts["optimizer"], parts["lr_scheduler"]["scheduler"], []
    for _ in range(50):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    body, head = torch.tensor(rates).T
    assert head.max() == pytest.approx(LR)
    torch.testing.assert_close(body, head * 0.1)


def test_plateau_lowers_every_group():
    recipe = RECIPE.model_copy(
        update={"optimizer": spec(body_lr=0.1), "schedule": Schedule(name="plateau", patience=1, factor=0.5)}
    )
    parts = configure_optimizer(small_network(), recipe, steps_per_epoch=10)
    for _ in range(4):
        parts["lr_scheduler"]["scheduler"].step(1.0)
    assert [group["lr"] for group in parts["optimizer"].param_groups] == [pytest.approx(LR * 0.05), LR * 0.5]


def norm_statistics(state):
    return {name: tensor for name, tensor in state.items() if "running_" in name or "num_batches" in name}


@pytest.mark.parametrize(("epochs", "moved"), [(1, False), (2, True)])
def test_statistics_of_a_resting_body_stay_and_then_move(tmp_path, epochs, moved):
    """Through Lightning, which sets the mode of all layers at every epoch and validation."""
    architecture = RECIPE.architecture.model_copy(update={"name": "timm:test_resnet"})
    schedule = Schedule(name="constant", head_epochs=1)
    recipe = RECIPE.model_copy(update={"architecture": architecture, "schedule": schedule, "epochs": epochs})
    fit(tmp_path, recipe=recipe)
    last = torch.load(tmp_path / "running/last.ckpt", weights_only=True)["state_dict"]
    start = {f"network.{name}": one for name, one in build_network(architecture, 2, recipe.seed).state_dict().items()}
    same = [torch.equal(last[name], tensor) for name, tensor in norm_statistics(start).items()]
    assert all(same) is not moved
    assert any(same) is not moved


def test_resting_body_learns_at_its_own_rate_afterwards():
    network = small_network()
    optimizer = make_optimizer(network, Optimizer(name="sgd", lr=LR, body_lr=0.5))
    first = HeadWarmUp(network, 1)
    first.start(0)
    assert not any(parameter.requires_grad for parameter in body_parameters(network))
    first.start(1)
    assert by_name(network, optimizer.param_groups, "lr")["0.weight"] == LR * 0.5
    assert all(parameter.requires_grad for parameter in network.parameters())


LOGITS, LABELS = torch.tensor([[2.0, -1.0, 0.3], [0.5, 0.3, 1.0], [-3.0, 1.0, 0.0]]), torch.tensor([0, 1, 2])
SMOOTH = torch.eye(3) * 0.7 + 0.1


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 4.0]])
def test_smoothed_cross_entropy_is_torchs(weights):
    loss = make_loss(CrossEntropy(name="cross_entropy", class_weights=weights, label_smoothing=0.3), 3)
    expected = nn.CrossEntropyLoss(torch.tensor(weights) if weights else None, label_smoothing=0.3)
    torch.testing.assert_close(loss(LOGITS, LABELS), expected(LOGITS, LABELS))


def test_smoothed_focal_loss_is_that_of_smooth_labels():
    smoothing, plain = (Focal(name="focal", gamma=2.0, alpha=0.25, label_smoothing=one) for one in (0.3, 0.0))
    torch.testing.assert_close(make_loss(smoothing, 3)(LOGITS, LABELS), make_loss(plain, 3)(LOGITS, SMOOTH))


def test_validation_loss_is_measured_without_smoothing():
    loss = CrossEntropy(name="cross_entropy", label_smoothing=0.3)
    module = MemberModule(nn.Identity(), RECIPE.model_copy(update={"loss": loss}), 1, CLASSES, "m")
    logits, labels = LOGITS[:, :2], torch.tensor([0, 1, 1])
    assert module.val_loss(logits, labels) == nn.functional.cross_entropy(logits, labels)
    assert module.loss(logits, labels) == nn.functional.cross_entropy(logits, labels, label_smoothing=0.3)


class Recorder(MovingAverage):
    """Keeps the raw weights after every step."""

    def __init__(self, decay):
        super().__init__(decay)
        self.raw = []

    def on_train_batch_end(self, trainer, pl_module, *rest):
        self.raw.append({name: tensor.clone() for name, tensor in pl_module.network.state_dict().items()})
        super().on_train_batch_end(trainer, pl_module, *rest)


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    """One epoch of a network with batch norms: the raw weights after every step, and what `fit_member` returned."""
    with pytest.MonkeyPatch.context() as patch:
        recorders = []
        patch.setattr(
            "facesift.training.fit.MovingAverage", lambda decay: recorders.append(Recorder(decay)) or recorders[-1]
        )
        architecture = RECIPE.architecture.model_copy(update={"name": "timm:test_resnet"})
        recipe = RECIPE.model_copy(update={"epochs": 1, "ema": 0.5, "architecture": architecture})
        fitted, feed = fit(tmp_path_factory.mktemp("ema"), recipe=recipe)
    return fitted, feed, recorders[0].raw


def test_average_is_kept_and_returned(averaged):
    fitted, _, raw = averaged
    expected = raw[0]
    for updates, state in enumerate(raw[1:], 1):
        share = decay_at(updates, 0.5)
        expected = {
            name: expected[name] * share + tensor * (1 - share) if tensor.is_floating_point() else tensor
            for name, tensor in state.items()
        }
    assert len(raw) > 3
    for name, tensor in fitted.module.network.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], msg=name)
    assert not torch.equal(tensor, raw[-1][name])


def test_average_is_what_is_validated(averaged):
    fitted, feed, _ = averaged
    losses = []
    with torch.inference_mode():
        for images, labels in feed.val_dataloader():
            losses += [fitted.module.loss(fitted.module(images), labels).item()] * len(labels)
    assert sum(losses) / len(losses) == pytest.approx(fitted.epochs[0]["val_loss"], rel=1e-5)


def averaged_over(start: nn.Module, networks: Sequence[nn.Module], decay: float, updates: int) -> AveragedModel:
    """What the callback makes of an average after so many updates, when training takes the weights of some networks."""
    callback, learning = MovingAverage(decay), copy.deepcopy(start)
    callback._average_model = AveragedModel(start)
    callback._average_model.n_averaged.fill_(updates)
    for step, network in enumerate(networks, 1):
        learning.load_state_dict(network.state_dict())
        callback.on_train_batch_end(SimpleNamespace(global_step=step), learning, None, None, step)
    return callback._average_model


def test_late_average_is_torchs():
    """After many steps the warm-up is over, and what is left is the usual exponential average."""
    networks = [nn.Linear(3, 3) for _ in range(3)]
    ours = averaged_over(networks[0], networks[1:], 0.9, 1000)
    theirs = AveragedModel(networks[0], avg_fn=get_ema_avg_fn(0.9))
    theirs.n_averaged.fill_(1000)
    for network in networks[1:]:
        theirs.update_parameters(network)
    assert all(torch.allclose(*pair) for pair in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_average_of_what_does_not_learn_is_the_same_to_the_last_digit():
    network = nn.Linear(30, 30)
    averaged = averaged_over(network, [network] * 50, 0.999, 1)
    assert torch.equal(averaged.module.weight, network.weight)


def test_raw_weights_learn_as_without_average(tmp_path):
    """The average is taken along: it does not reach into the training."""
    fits = {ema: fit(tmp_path / str(ema), recipe=RECIPE.model_copy(update={"ema": ema}))[0] for ema in (None, 0.9)}
    plain, taken = (fitted.epochs for fitted in fits.values())
    assert [figures["train_loss"] for figures in taken] == [figures["train_loss"] for figures in plain]
    assert not same_weights(fits[None].module, fits[0.9].module)


def test_default_members_have_an_average_of_weights_alone():
    for member in default_params().members.values():
        assert (member.ema, member.optimizer.body_lr, member.loss.label_smoothing) == (0.99, 1.0, 0.0)
        assert (member.resample.draw, member.resample.epoch_images) == ("plan", None)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_weights_that_begin_to_learn_later_are_moved(name):
    first, later = nn.Linear(2, 2), nn.Linear(2, 2)
    optimizer = make_optimizer(nn.Sequential(first, later), Optimizer(name=name, lr=LR, momentum=0.9))
    before = later.weight.clone()
    for network in (first, nn.Sequential(first, later)):
        optimizer.zero_grad()
        network(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    assert not torch.equal(later.weight, before)
