"""A seeded, drawn face set with photoshopped fakes, so that the pipeline has work to do with no download."""
