"""Which images make a study: layouts, labels, the manifest, duplicates, splits, and the answers of reviewers."""
