"""Evaluation as the field does it: named damage, the functions users call, published scores, one report."""
