"""From records to tables: the one place that knows what an event means for a view."""
