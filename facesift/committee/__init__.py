"""Deciding together: the members' scores, the stacked ensemble over them, and the vote."""
