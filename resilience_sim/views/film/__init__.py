"""Moving pictures of the live view, made from frames at virtual instants: the same run always gives the same bytes."""
