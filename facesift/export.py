"""What the export stage is asked to hold: the parameters of the bundle's check."""

from __future__ import annotations

from facesift.sections import Count, Positive, Section


class Export(Section):
    """The exported graph must agree with torch on `parity_images` test images within `tolerance` in log-odds."""

    parity_images: Count
    tolerance: Positive
