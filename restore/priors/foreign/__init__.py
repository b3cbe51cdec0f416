"""Other people's diffusion networks as priors."""
