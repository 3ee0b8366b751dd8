"""What all other wings use: errors, atomic files, parallel map, counts and intervals, class names, score tables."""
