"""What the export stage is asked to hold: the parameters of the bundle's check and of its stopping rule."""

from __future__ import annotations

from facesift.config.section import Count, Inside, Positive, Section


class Export(Section):
    """The exported graph must agree with torch on `parity_images` test images within `tolerance` in log-odds.

    `stopping_risk`: see `committee.stopping.fit_threshold`.
    """

    parity_images: Count
    tolerance: Positive
    stopping_risk: Inside
