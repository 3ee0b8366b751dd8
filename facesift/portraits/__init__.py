"""The embedded example data set: drawn portraits, some of them with photoshopped parts."""
