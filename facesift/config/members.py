"""A member's recipe: everything that decides how one base classifier is trained. What is left out is off."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from facesift.config.forging import Forge
from facesift.config.section import Count, Fraction, NotNegative, Number, Positive, Ratio, Section, Seed

Smoothing = Annotated[Number, Field(ge=0, lt=1)]


class Resample(Section):
    """SMOTE, then forging, then random undersampling; ratios are fakes per real, as imbalanced-learn takes them.

    `draw` says which rows of the plan an epoch has. `plan`: each once. `classes`: drawn with replacement, all classes
    equally often. `sources`: likewise, and half of each class's from the sources that hold images of the positive class
    too, so that the source alone tells less (Idrissi et al. 2022, https://arxiv.org/abs/2110.14503). `epoch_images`
    rows make an epoch; None: as many as the plan has.
    """

    scope: Literal["none", "shard", "split"]
    smote: Ratio | None = None
    forge: Forge | None = None
    undersample: Ratio | None = None
    neighbours: Count = 5
    draw: Literal["plan", "classes", "sources"] = "plan"
    epoch_images: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Resample:
        given = self.smote is not None or self.undersample is not None or self.forge is not None
        if given == (self.scope == "none"):
            raise ValueError(
                "`scope: none` goes without `smote`, `forge` and `undersample`, every other scope needs one"
            )
        if self.smote and self.undersample and self.undersample < self.smote:
            raise ValueError(f"`undersample` ({self.undersample:g}) may not be below `smote` ({self.smote:g})")
        if self.forge:
            self._forge_fits(self.forge.ratio)
        return self

    def _forge_fits(self, ratio: float) -> None:
        if self.smote and ratio <= self.smote:
            raise ValueError(f"`forge.ratio` ({ratio:g}) goes on where `smote` ({self.smote:g}) ends: set it above")
        if self.undersample and self.undersample < ratio:
            raise ValueError(f"`undersample` ({self.undersample:g}) may not be below `forge.ratio` ({ratio:g})")


class CrossEntropy(Section):
    """Cross entropy; `class_weights` has one weight per class, in the order of `classes`.

    `label_smoothing`: share of every training label that is dealt out evenly to all classes (Szegedy et al. 2016,
    https://arxiv.org/abs/1512.00567). Validation is measured without.
    """

    name: Literal["cross_entropy"]
    class_weights: list[Positive] | None = None
    label_smoothing: Smoothing = 0.0


class Focal(Section):
    """Focal loss: `gamma` turns to hard images, `alpha` weighs the right class's output.

    `label_smoothing`: as for `CrossEntropy`.
    """

    name: Literal["focal"]
    gamma: NotNegative
    alpha: Fraction
    label_smoothing: Smoothing = 0.0


class Architecture(Section):
    """A network by name, the arguments it is built with, and the weights it starts from.

    Weights come from a hub (`pretrained`), from a file (`checkpoint`), or from an installed Python package that holds
    such a file (`package`; `training.package_weights` says which, and what normalisation its weights expect).
    `freeze` is the share of the body's parameter tensors, from the input side, that stay as they are.
    """

    name: Annotated[str, Field(min_length=1)]  # `training.architectures.check_name` knows them all
    arguments: dict[str, Any] = Field(default_factory=dict)
    pretrained: bool = False
    checkpoint: str | None = None
    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    freeze: Fraction = 0.0

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


class Optimizer(Section):
    """How weights move; `momentum` is for SGD.

    The head learns with `lr`, the k-th layer below it with lr x body_lr x layer_decay^k: what was learned elsewhere
    moves less than what is new, and the less the nearer to the input. `decay_norms: false` spares norms and biases the
    weight decay.
    """

    name: Literal["sgd", "adam", "adamw"]
    lr: Positive
    weight_decay: NotNegative = 0.0
    momentum: Annotated[Number, Field(ge=0, lt=1)] = 0.9
    body_lr: Ratio = 1.0
    layer_decay: Ratio = 1.0
    decay_norms: bool = True


class Schedule(Section):
    """How the learning rate changes over the epochs.

    `step` multiplies it by `factor` every `step_epochs`; `plateau` by `factor` when the validation loss has not fallen
    (`watch: val_loss`), or the accuracy has not risen, for `patience` epochs; `one_cycle` rises and falls once
    (Smith 2018). `head_epochs`: in so many first epochs the head alone learns, then all of the network.
    """

    name: Literal["constant", "cosine", "step", "one_cycle", "plateau"]
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    step_epochs: Count = 1
    factor: Annotated[Number, Field(gt=0, lt=1)] = 0.1
    patience: Count = 2
    watch: Literal["val_loss", "val_accuracy"] = "val_loss"
    head_epochs: Annotated[int, Field(ge=0)] = 0


class Jpeg(Section):
    """JPEG at a quality drawn from `quality`, lowest and highest, for this share of all images, real and fake alike."""

    probability: Fraction
    quality: list[Annotated[int, Field(ge=1, le=100)]]

    @model_validator(mode="after")
    def _two(self) -> Jpeg:
        if len(self.quality) != 2 or self.quality[0] > self.quality[1]:  # lowest and highest
            raise ValueError("`quality` has two numbers, the lowest and the highest")
        return self


class Augment(Section):
    """What is drawn anew for every training image (`mix`: for every batch) in every epoch.

    `zoom`: enlarged or shrunk by up to this share of the side.
    """

    flip: Fraction = 0.0
    flip_vertical: Fraction = 0.0
    rotate: Annotated[Number, Field(ge=0, le=180)] = 0.0
    shift: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    zoom: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    jitter: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    blur: Fraction = 0.0
    erase: Fraction = 0.0
    mix: Literal["none", "mixup", "cutmix", "either"] = "none"
    mix_alpha: Positive = 0.2
    jpeg: Jpeg | None = None


class Normalise(Section):
    """What a network sees: `per_image` standardised, `fixed` mean and deviation, or `unit` (pixels / 255)."""

    name: Literal["per_image", "fixed", "unit"] = "per_image"
    mean: list[Number] = Field(default_factory=lambda: [0.5] * 3)
    std: list[Positive] = Field(default_factory=lambda: [0.5] * 3)

    @model_validator(mode="after")
    def _three_channels(self) -> Normalise:
        if len(self.mean) != 3 or len(self.std) != 3:  # red, green, blue
            raise ValueError("`mean` and `std` have one number for each of red, green and blue")
        return self


class Views(Section):
    """Test-time augmentation: a score is the mean of a network's logits over several views of the image.

    `zoom`: central crops of such shares of the side, enlarged to the whole size; 1 is the whole image. `flip`: each of
    them mirrored, too. Training and its validation see the image alone.
    """

    flip: bool = False
    zoom: Annotated[list[Annotated[Number, Field(ge=0.5, le=1)]], Field(min_length=1)] = Field(
        default_factory=lambda: [1.0]
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


class Member(Section):
    """One base classifier. `early_stopping`: stop after so many epochs without a lower loss.

    `keep`: the epoch whose weights are kept. Where the learning rate falls to nothing, and where the training draws
    another mix of images than validation has, the last one is the natural choice.
    `channels_last`: how images lie in memory; on CPUs it trains EfficientNets 1.5 to 2 times as fast, and changes the
    last digits.
    `ema`: what is validated, kept and saved is a moving average of the weights; 0.999: over the last 1,000 steps or so.
    `votes: false` makes it a yardstick: trained and scored like the others, but with no part in stack and vote.
    """

    seed: Seed
    architecture: Architecture
    resample: Resample
    loss: Annotated[CrossEntropy | Focal, Field(discriminator="name")]
    optimizer: Optimizer
    schedule: Schedule
    epochs: Count
    batch_size: Count
    augment: Augment
    normalise: Normalise = Normalise()
    early_stopping: Count | None = None
    keep: Literal["lowest_loss", "last"] = "lowest_loss"
    channels_last: bool = False
    ema: Annotated[Number, Field(gt=0, lt=1)] | None = None
    votes: bool = True
    views: Views = Views()

    @field_validator("views")
    @classmethod
    def _of_a_network(cls, views: Views, known: ValidationInfo) -> Views:
        architecture = known.data.get("architecture")
        if architecture is not None and architecture.name == "svm_rbf" and not views.single:
            raise ValueError("views are for networks; svm_rbf scores the image alone, so leave `views` out")
        return views
