"""A program for ``restore eval --peer``: a median filter over 3x3 pixels.

restore eval denoise --data photos --sigma 25 --peer 'Median=python examples/median_peer.py {input} {output}'
"""

import sys

from PIL import Image, ImageFilter

source, target = sys.argv[1:]
with Image.open(source) as noisy:
    noisy.filter(ImageFilter.MedianFilter(3)).save(target)
