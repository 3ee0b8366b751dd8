"""The report page: sections, charts and examples, made from the metrics files."""
