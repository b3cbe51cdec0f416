"""What users ask for, each one function: denoise, inpaint, upscale, dejpeg, solve, sample, vary."""
