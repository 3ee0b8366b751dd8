"""The ground of the library: errors, atomic files, parallel map, counts and intervals, class names, score tables."""
