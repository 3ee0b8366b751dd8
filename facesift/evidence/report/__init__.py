"""The page a person reads: sections made from the metrics files, charts, examples, and the template that holds them."""
