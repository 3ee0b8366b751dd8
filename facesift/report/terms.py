"""What the terms on the page mean: each is explained below the table or chart where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

TERMS: Mapping[str, str] = {
    "caught": "Share of the fakes that are decided fake or sent to a person.",
    "to review": "Share of all images that are sent to a person.",
    "false alarms": "Reals that are decided fake.",
    "recall": "Share of the fakes that are decided fake.",
    "precision": "Share of fakes among the images that are decided fake.",
    "AUC": "Area under the ROC curve: how often a fake gets a higher score than a real. 1 is perfect, 0.5 is guessing.",
    "AP": "Average precision: mean precision over all recalls. Guessing gives the share of fakes.",
    "EER": "Equal error rate: both error rates at the threshold where they are equal.",
    "APCER": "Share of the fakes that are called real (name of ISO/IEC 30107-3).",
    "BPCER": "Share of the reals that are called fake (name of ISO/IEC 30107-3).",
    "ACER": "Mean of the highest APCER of a kind of fakes and BPCER.",
    "TPR": "True positive rate, which is recall.",
    "FPR": "False positive rate: share of the reals that are called fake.",
    "ECE": "Expected calibration error: how far predicted probabilities are from observed shares of fakes, on average.",
    "Brier score": "Mean squared difference between the probability and the truth (0 or 1).",
    "log loss": "Mean of minus the logarithm of the probability given to the truth.",
    "stacker": "A second classifier that learned how far to trust each member.",
    "unanimous": "Decides only where all voters agree; all else is sent to a person.",
    "any fake": "Decides fake if a single voter says fake.",
    "majority": "Decides what most voters say.",
    "soft": "Decides by the mean of the voters' probabilities.",
    "best member": "The member that ranks best on validation.",
    "file facts alone": "A classifier that sees no pixel, only the file: format, size, compression.",
    "decisions flipped": "Images whose decision is another one than without damage.",
    "review budget": "Thresholds that send at most a set share of images to a person and catch most fakes.",
    "least cost": "Thresholds with the least expected cost of misses, false alarms and reviews.",
    "target recall": "Thresholds that catch a set share of the fakes with the fewest reviews.",
    "SMOTE": "Makes new training images between two like ones, of the rarer class.",
    "RUS": "Random undersampling: leaves out images of the more frequent class.",
}  # fmt: skip
PATTERNS = {term: re.compile(rf"(?<![\w-]){re.escape(term)}(?![\w-])") for term in TERMS}


def terms_in(texts: Iterable[str]) -> dict[str, str]:
    """Return the terms that occur in some texts, with their meaning.

    Args:
        texts: headings and names of rows.

    >>> list(terms_in(["AUC, left out", "majority", "caption"]))
    ['AUC', 'majority']
    """
    said = "\n".join(texts)
    return {term: meaning for term, meaning in TERMS.items() if PATTERNS[term].search(said)}
