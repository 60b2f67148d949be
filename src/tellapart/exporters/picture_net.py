"""Picture nets: what an export computes, from raw pixels to the probabilities that `predict` gives.

Test-time augmentation and the novelty score are part of it, so the exported file answers as the app does.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tellapart.classifier.classifier import Classifier
from tellapart.errors import ConfigError
from tellapart.inference.portable import portable_net
from tellapart.inference.probability_net import OF_SECOND, two_logits
from tellapart.inference.refine import SMALLEST
from tellapart.inference.tta import SURE, TTA_VIEWS
from tellapart.metrics.novelty import BY_FEATURES, FeatureReference

PICTURES = "pictures"
"""Name of the input: (B, H, W, C) uint8, pixels 0 to 255."""

PROBABILITIES, NOVELTY = "probabilities", "novelty"
"""Names of the outputs: (B, classes) float32; and (B,) float32, the higher the less familiar."""


class PictureNet(nn.Module):
    """A classifier as one module: (B, H, W, C) uint8 -> (B, classes) probabilities and, where it has one, (B,) novelty.

    The probabilities are those of `Classifier.predict`; the temperature of the model card does not change them.
    """

    def __init__(self, classifier: Classifier, tta_views: int | None = None) -> None:
        """Create a module with the classifier's current weights.

        Args:
            classifier: any.
            tta_views: views of each picture to average, 1, 2 or 6; None: the classifier's own number.

        Raises:
            ConfigError: another number of views.
        """
        super().__init__()
        card = classifier.card
        self.tta_views = card.tta_views if tta_views is None else tta_views
        if self.tta_views not in TTA_VIEWS:
            raise ConfigError(f"views is 1, 2 or 6, copies of each picture to predict; got {tta_views!r}.")
        self.net = portable_net(classifier.net)
        self.meaning: Callable[[Tensor], Tensor] = classifier.net.meaning
        self.is_of_second = classifier.net.head in OF_SECOND
        self.multi_label = card.multi_label
        self.novelty: nn.Module | None = None
        if card.novelty is not None and self.net.shows_features:
            self.novelty = _novelty_net(card.novelty.method, classifier.reference)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it returns, in order."""
        return (PROBABILITIES,) if self.novelty is None else (PROBABILITIES, NOVELTY)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Predict."""
        run = self.net(pictures)
        plain = self.meaning(run.outputs)
        probabilities = plain if self.tta_views == 1 else self._averaged(pictures, plain)
        if self.novelty is None:
            return (probabilities,)
        logits = two_logits(run.logits) if self.is_of_second else run.logits
        return probabilities, self.novelty(run.features.flatten(1).float(), logits.float())

    def _averaged(self, pictures: Tensor, plain: Tensor) -> Tensor:
        """Return the average over the views, as `inference.tta.with_tta`; here, all are computed for every picture."""
        to_logs, from_logs = (
            (_log_odds, torch.sigmoid)
            if self.multi_label
            else (_logarithms, lambda logs: torch.softmax(logs, -1))
        )

        def logs_of(view: Tensor) -> Tensor:
            return to_logs(self.meaning(self.net(view).outputs))

        mean = (to_logs(plain) + logs_of(pictures.flip(2))) / 2
        if self.tta_views == 6:
            moved = [_moved(pictures, by) for by in (-1, 1)]
            views = [view for shifted in moved for view in (shifted, shifted.flip(2))]
            all_of_them = (mean + torch.stack([logs_of(view) for view in views]).sum(0) / 4) / 2
            margin = mean.abs().amin(-1) if self.multi_label else _lead(mean)
            mean = torch.where((margin < SURE)[:, None], all_of_them, mean)
        return from_logs(mean)


class _Energy(nn.Module):
    """`metrics.novelty.energy`; standardized: of logits at mean 0 and standard deviation 1."""

    def __init__(self, *, standardized: bool) -> None:
        super().__init__()
        self.standardized = standardized

    def forward(self, _features: Tensor, logits: Tensor) -> Tensor:
        if self.standardized:
            away = logits - logits.mean(-1, keepdim=True)
            deviation = away.square().mean(-1, keepdim=True).sqrt()
            logits = away / deviation.clamp(min=torch.finfo(torch.float32).tiny)
        return -torch.logsumexp(logits, -1)


class _Distance(nn.Module):
    """`FeatureReference.score`, in float32."""

    def __init__(self, reference: FeatureReference) -> None:
        super().__init__()
        variances = torch.from_numpy(reference.variances.astype("float64"))
        directions = torch.from_numpy(reference.directions.astype("float64"))
        means = torch.from_numpy(reference.means.astype("float64"))
        saved = (1 / variances[-1] - 1 / variances[:-1]).sqrt()[:, None] * directions  # (rank, features)
        self.means, self.along = nn.Buffer(means.float()), nn.Buffer((means @ saved.T).float())
        self.saved = nn.Buffer(saved.float())
        self.scale = float(1 / variances[-1])

    def forward(self, features: Tensor, _logits: Tensor) -> Tensor:
        lengths = features.square().sum(1, keepdim=True).sqrt()
        points = features / lengths.clamp(min=torch.finfo(torch.float32).tiny)
        saved = _squared_distances(points @ self.saved.T, self.along)
        squared = (_squared_distances(points, self.means) * self.scale - saved).amin(1)
        return (squared.clamp(min=0) / self.means.shape[1]).sqrt()


def _novelty_net(method: str, reference: FeatureReference | None) -> nn.Module | None:
    if method == BY_FEATURES:
        return None if reference is None else _Distance(reference)
    return _Energy(standardized=method == "standardized energy")


def _squared_distances(points: Tensor, others: Tensor) -> Tensor:
    """(N, D) and (M, D) -> (N, M)."""
    squares = points.square().sum(1, keepdim=True) + others.square().sum(1)
    return squares - 2 * points @ others.T


def _lead(values: Tensor) -> Tensor:
    """(N, C) -> (N,): by how much the largest exceeds the second; without sorting, which LiteRT cannot."""
    is_largest = torch.arange(values.shape[1], device=values.device) == values.argmax(-1, keepdim=True)
    return values.amax(-1) - values.masked_fill(is_largest, torch.finfo(values.dtype).min).amax(-1)


def _logarithms(probabilities: Tensor) -> Tensor:
    return probabilities.clamp(min=SMALLEST).log()


def _log_odds(probabilities: Tensor) -> Tensor:
    """The logarithm of p / (1 - p), in float32: 1 - p is exact where p is large, and not needed exactly elsewhere."""
    return _logarithms(probabilities) - _logarithms(1 - probabilities)


def _moved(pictures: Tensor, by: int) -> Tensor:
    """Move pictures (B, H, W, C) by a pixel along both axes, mirrored at the edge."""
    padded = F.pad(pictures.float().permute(0, 3, 1, 2), (1, 1, 1, 1), mode="reflect").permute(0, 2, 3, 1)
    height, width = pictures.shape[1:3]
    return padded[:, 1 + by : 1 + by + height, 1 + by : 1 + by + width]


def example_of(shape: tuple[int, ...]) -> Tensor:
    """Return two pictures of this (H, W, C), for tracing."""
    return torch.randint(0, 256, (2, *shape), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
