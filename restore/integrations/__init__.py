"""Doors for other libraries: `deepinv`'s denoisers and physics, functions in the manner of scikit-image."""
