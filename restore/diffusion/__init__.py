"""The diffusion process: coordinates, schedules, noise levels and samplers."""
