"""Jobs of a deployed gate, as a person sees and decides them."""
