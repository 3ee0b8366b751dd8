"""What the figures are worth: where they come from, how far they carry, and the page that tells a person."""
