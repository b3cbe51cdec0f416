"""What a newcomer does in Python in the first hour; test_first_hour.py runs it in a folder with pictures."""

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

import restore

# A batch of pictures of one size.
frames = np.stack([np.asarray(Image.open(f"scans/{name}.png")) for name in ("street", "wall")])
clean = restore.denoise(frames)

# A pipeline of tensors.
pipeline = v2.Compose(
    [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), restore.denoise, v2.CenterCrop(32)]
)
crop = pipeline(Image.open("scans/street.png"))
