"""The report page: its sections, charts and examples, made from the metrics files."""
