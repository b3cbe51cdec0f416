# What a newcomer does in the first hour, with the README alone: commands as they are typed.
# test_first_hour.py runs them one after the other in a folder with pictures.

# A folder, twice: what is there is kept.
restore denoise scans -o clean
restore denoise scans -o clean

# The same with another strength.
restore denoise scans -o clean --strength 0.5 --overwrite

# One picture to another format.
restore denoise scans/street.png --format jpg
restore denoise scans/street.png -o street.webp

# A 16-bit TIFF in and out.
restore denoise film.tif

# A mask by hand: strokes painted over a copy of the photograph.
restore inpaint scans/street.png --mask strokes.png -o filled.png

# Upscaling of what was denoised.
restore upscale clean/street.png --scale 2 -o large.png
restore upscale clean/street.png --width 100

# A configuration for the studio: one file for all commands.
restore config --config studio.toml
restore denoise scans -o studio --config studio.toml
restore upscale studio --config studio.toml -o prints

# A result explained, and made again.
restore info prints/street.png
