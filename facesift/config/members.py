"""A member's recipe: everything that decides how one base classifier is trained and scored."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from facesift.config.backbones import Pool, View
from facesift.config.losses import Loss
from facesift.config.sampling import Resample
from facesift.config.section import Count, Fraction, NotNegative, Number, Positive, Ratio, Section, Seed
from facesift.config.tuning import Tune

TIMM, HEAD = "timm:", "head"
SHARDS, FEATURES = "shards", "features/"  # what a member can learn from, below data/
Input = Annotated[str, Field(pattern=r"^(shards|features/[A-Za-z][A-Za-z0-9_]*)$")]
# What `architecture.name` may be beside timm:NAME; a test compares it with networks/architectures.py.
OWN_NETWORKS = ("convnext_thesis", "simple_cnn", "lenet", "deepfakenet", "torchvision:alexnet", "svm_rbf")


class Architecture(Section):
    """A network by name, the arguments it is built with, and the weights it starts from."""

    inline: ClassVar[bool] = True
    name: Annotated[str, Field(min_length=1)] = Field(
        description="timm:NAME for any model of timm; convnext_thesis (published, 206.6 million parameters), "
        "simple_cnn, lenet, deepfakenet, torchvision:alexnet; svm_rbf"
    )
    arguments: dict[str, Any] = Field(description="passed on to the model, such as {drop_path_rate: 0.1}")
    pretrained: bool = Field(description="true: start from the model hub's weights")
    checkpoint: str | None = Field(description="weights file to start from; null: none")
    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = Field(
        description="installed Python package that holds the weights to start from; null: none"
    )
    freeze: Fraction = Field(description="share of the body's parameter tensors, from the input, that stay as they are")
    tune: Tune = Field(description="which weights learn; the head always does")

    @model_validator(mode="after")
    def _frozen_once(self) -> Architecture:
        if self.tune.name != "all" and self.freeze:
            raise ValueError(f"`freeze` ({self.freeze:g}) is for `tune: {{name: all}}`; set it to 0")
        return self

    @model_validator(mode="after")
    def _one_start(self) -> Architecture:
        starts = {
            "`pretrained: true`": self.pretrained,
            "`checkpoint`": self.checkpoint,
            "`package`": self.package,
        }
        given = [name for name, value in starts.items() if value]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are {len(given)} starts; give one")
        return self


class Head(Section):
    """A head: logits from the features of a frozen backbone, by one linear layer or two."""

    inline: ClassVar[bool] = True
    name: Literal["head"] = Field(description="a member on features; its `input` names the backbone")
    views: Annotated[list[View], Field(min_length=1)] = Field(description="which of the backbone's views it sees")
    pool: Annotated[list[Pool], Field(min_length=1)] = Field(description="which of the backbone's outputs it sees")
    tiles: Annotated[list[Literal["mean", "max", "each"]], Field(min_length=1)] = Field(
        description="how the features of the tiles are joined: mean, maximum, or each by itself"
    )
    hidden: Count | None = Field(description="neurons of a hidden layer; null: none, logits are linear in the features")
    dropout: Annotated[Number, Field(ge=0, lt=1)] = Field(description="share of the features set to 0 in training")


class Optimizer(Section):
    """How weights move; the k-th layer below the head learns with lr x body_lr x layer_decay^k."""

    inline: ClassVar[bool] = True
    name: Literal["sgd", "adam", "adamw", "lbfgs"] = Field(
        description="which optimiser; lbfgs: heads only, all rows at once, `epochs` iterations at most, `weight_decay` "
        "times half the squared weights is added to the mean loss; with two classes as C = 2 / (images x weight_decay) "
        "of scikit-learn's logistic regression"
    )
    lr: Positive = Field(description="learning rate of the head")
    weight_decay: NotNegative = Field(description="how strongly weights are pulled towards 0")
    momentum: Annotated[Number, Field(ge=0, lt=1)] = Field(description="sgd only")
    body_lr: Ratio = Field(description="learning rate of the layers below the head, as a share of `lr`")
    layer_decay: Ratio = Field(description="factor of the learning rate from each layer to the one below it")
    decay_norms: bool = Field(description="false: norms and biases have no weight decay")


class Schedule(Section):
    """How the learning rate changes over the epochs (one cycle: Smith 2018)."""

    inline: ClassVar[bool] = True
    name: Literal["constant", "cosine", "step", "one_cycle", "plateau"] = Field(
        description="step: times `factor` every `step_epochs`; one_cycle: rises and falls once; plateau: times "
        "`factor` after `patience` epochs without improvement"
    )
    warmup_epochs: Annotated[int, Field(ge=0)] = Field(description="epochs in which the rate rises from 0")
    step_epochs: Count = Field(description="step only")
    factor: Annotated[Number, Field(gt=0, lt=1)] = Field(description="step and plateau only")
    patience: Count = Field(description="plateau only: epochs")
    watch: Literal["val_loss", "val_accuracy"] = Field(description="plateau only: what has to improve")
    head_epochs: Annotated[int, Field(ge=0)] = Field(description="in so many first epochs the head alone learns")


class Jpeg(Section):
    """JPEG compression of some training images, real and fake alike."""

    inline: ClassVar[bool] = True
    probability: Fraction = Field(description="share of the images that are compressed")
    quality: list[Annotated[int, Field(ge=1, le=100)]] = Field(description="lowest and highest quality, 1 to 100")

    @model_validator(mode="after")
    def _two(self) -> Jpeg:
        if len(self.quality) != 2 or self.quality[0] > self.quality[1]:  # lowest and highest
            raise ValueError("`quality` has two numbers, the lowest and the highest")
        return self


class Augment(Section):
    """What is drawn anew for every training image (`mix`: for every batch) in every epoch."""

    inline: ClassVar[bool] = True
    flip: Fraction = Field(description="probability of mirroring left and right")
    flip_vertical: Fraction = Field(description="probability of mirroring top and bottom")
    rotate: Annotated[Number, Field(ge=0, le=180)] = Field(description="degrees at most, either way")
    shift: Annotated[Number, Field(ge=0, lt=1)] = Field(description="share of the side at most, either way")
    zoom: Annotated[Number, Field(ge=0, lt=1)] = Field(description="enlarged or shrunk by at most this share")
    jitter: Annotated[Number, Field(ge=0, lt=1)] = Field(
        description="brightness, contrast and saturation at most, either way"
    )
    blur: Fraction = Field(description="probability of a Gaussian blur")
    erase: Fraction = Field(description="probability of erasing a rectangle")
    mix: Literal["none", "mixup", "cutmix", "either"] = Field(description="mixing of the images of a batch")
    mix_alpha: Positive = Field(description="mix only: both parameters of the Beta distribution")
    jpeg: Jpeg | None = Field(description="JPEG compression; null: none")


NO_AUGMENTATION = Augment(
    flip=0.0,
    flip_vertical=0.0,
    rotate=0.0,
    shift=0.0,
    zoom=0.0,
    jitter=0.0,
    blur=0.0,
    erase=0.0,
    mix="none",
    mix_alpha=0.2,
    jpeg=None,
)


class Normalise(Section):
    """How pixels are scaled for the network."""

    inline: ClassVar[bool] = True
    name: Literal["per_image", "fixed", "unit"] = Field(
        description="per_image: each image standardised; fixed: by `mean` and `std`; unit: pixels / 255"
    )
    mean: list[Number] = Field(description="fixed only: of red, green and blue in [0, 1]")
    std: list[Positive] = Field(description="fixed only: standard deviation of red, green and blue")

    @model_validator(mode="after")
    def _three_channels(self) -> Normalise:
        if len(self.mean) != 3 or len(self.std) != 3:  # red, green, blue
            raise ValueError("`mean` and `std` have one number for each of red, green and blue")
        return self


class Views(Section):
    """Test-time augmentation: a score is the mean of the logits over several views of the image."""

    inline: ClassVar[bool] = True
    flip: bool = Field(description="true: each view is seen mirrored, too")
    zoom: Annotated[list[Annotated[Number, Field(ge=0.5, le=1)]], Field(min_length=1)] = Field(
        description="central crops of such shares of the side; 1.0: the whole image"
    )

    @field_validator("zoom")
    @classmethod
    def _different(cls, zoom: list[float]) -> list[float]:
        if len(set(zoom)) < len(zoom):
            raise ValueError("a view that is named twice would count twice; name each share once")
        return zoom

    @property
    def single(self) -> bool:
        """Whether the whole image is the only view."""
        return not self.flip and self.zoom == [1.0]


def _kind(architecture: Any) -> str:
    """Return which alternative an `architecture` is: `head` or `network`."""
    name = architecture.get("name") if isinstance(architecture, dict) else getattr(architecture, "name", None)
    return "head" if name == HEAD else "network"


class Member(Section):
    """One base classifier."""

    votes: bool = Field(description="false: a baseline, trained and scored with no part in stack and vote")
    seed: Seed = Field(description="of the sampling plan, first weights, order of images and augmentation")
    input: Input = Field(
        description="folder below data/ it learns from: shards (images), or features/NAME of a backbone (heads)"
    )
    architecture: Annotated[
        Annotated[Architecture, Tag("network")] | Annotated[Head, Tag("head")], Discriminator(_kind)
    ] = Field(description="the network and the weights it starts from, or a head on features")
    resample: Resample = Field(description="which images it is trained with")
    loss: Loss = Field(description="what training minimises")
    optimizer: Optimizer = Field(description="how weights move")
    schedule: Schedule = Field(description="how the learning rate changes over the epochs")
    epochs: Count = Field(description="passes over the sampling plan")
    batch_size: Count = Field(description="images in a step")
    early_stopping: Count | None = Field(
        description="stop after so many epochs without a lower validation loss; null: never"
    )
    keep: Literal["lowest_loss", "last"] = Field(
        description="which epoch's weights are kept: that of the lowest validation loss, or the last"
    )
    ema: Annotated[Number, Field(gt=0, lt=1)] | None = Field(
        description="decay of a moving average of the weights, which is then validated and kept; 0.999: over about "
        "1,000 steps; null: none"
    )
    channels_last: bool = Field(
        description="memory layout; true: faster on many CPUs for EfficientNets, changes the last digits"
    )
    augment: Augment = Field(description="how training images are varied")
    normalise: Normalise = Field(description="how pixels are scaled for the network")
    views: Views = Field(description="test-time augmentation")

    @property
    def network(self) -> Architecture:
        """The architecture of a member that is no head."""
        if isinstance(self.architecture, Head):
            raise TypeError("a head is no network")
        return self.architecture

    @property
    def backbone(self) -> str | None:
        """Name of the backbone whose features it learns from; None: it learns from images."""
        return self.input.removeprefix(FEATURES) if self.input.startswith(FEATURES) else None

    @model_validator(mode="after")
    def _input_fits(self) -> Member:
        head = isinstance(self.architecture, Head)
        if head != (self.backbone is not None):
            wanted = "features/NAME of a backbone" if head else SHARDS
            raise ValueError(f"`input` is {self.input!r}, but {self.architecture.name} learns from {wanted}")
        if self.optimizer.name == "lbfgs" and not head:
            raise ValueError("`optimizer.name: lbfgs` is for heads; networks learn by sgd, adam or adamw")
        if self.resample.method is not None and not head:
            raise ValueError("`resample.method` is for heads; images are re-sampled by `smote` and `undersample`")
        if head and (self.resample.forge is not None or self.resample.draw != "plan"):
            raise ValueError("`resample.forge` and `resample.draw` are for images; a head learns from all rows")
        if head and not (self.views.single and self.augment == NO_AUGMENTATION):
            raise ValueError("`augment` and `views` are for images; a head has `copies` and `views` of its backbone")
        return self

    @model_validator(mode="after")
    def _training_fits(self) -> Member:
        schedule = self.schedule
        if isinstance(self.architecture, Head) and (
            self.ema is not None or schedule.head_epochs or schedule.name == "plateau"
        ):
            raise ValueError("`ema`, `schedule.head_epochs` and `schedule.name: plateau` are for networks")
        dropout = isinstance(self.architecture, Head) and self.architecture.dropout
        if self.optimizer.name == "lbfgs" and (dropout or self.early_stopping or self.keep != "last"):
            raise ValueError(
                "`optimizer.name: lbfgs` learns from all rows at once: it goes with `architecture.dropout: 0.0`, "
                "`early_stopping: null` and `keep: last`"
            )
        return self

    @field_validator("architecture")
    @classmethod
    def _is_known(cls, architecture: Architecture | Head) -> Architecture | Head:
        name = architecture.name
        if isinstance(architecture, Head) or name in OWN_NETWORKS or (name.startswith(TIMM) and name != TIMM):
            return architecture
        near = get_close_matches(name, (*OWN_NETWORKS, HEAD), n=1, cutoff=0.8) or (
            [f"{TIMM}{name}"] if name.isidentifier() else []
        )
        meant = f"; did you mean {near[0]}?" if near else "."
        raise ValueError(f"name {name!r} is no network{meant} There are {TIMM}NAME, {', '.join(OWN_NETWORKS)}, {HEAD}")

    @field_validator("views")
    @classmethod
    def _of_a_network(cls, views: Views, known: ValidationInfo) -> Views:
        architecture = known.data.get("architecture")
        if architecture is not None and architecture.name == "svm_rbf" and not views.single:
            raise ValueError(
                "views are for networks; svm_rbf scores the image alone, so use {flip: false, zoom: [1.0]}"
            )
        return views
