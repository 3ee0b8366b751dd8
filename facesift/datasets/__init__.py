"""The images of a study: layouts, labels, the manifest, near-duplicates, splits, and reviewers' answers."""
