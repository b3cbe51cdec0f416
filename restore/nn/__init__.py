"""The tasks as modules of PyTorch, for ``nn.Sequential``, torchvision's transforms and data loaders.

A module takes what its function takes, above all floats ``(b, 3, h, w)`` or gray ``(b, 1, h, w)`` in
[0, 1], and calls it with the options it was made with. Noise levels count from 0 to 255, as in the tasks.

- A module without a prior of its own uses the weights in the package. They are loaded at the first call, once
  for all modules of a device and a precision, and again in each process that a module is sent to.
- ``to``, ``half`` and ``double`` choose where and in what precision the network is computed. A prior that was
  given is copied for that; it is never changed.
- ``state_dict`` and ``parameters`` are empty: the prior is not trained here, and has a file of its own. To
  keep a module, pickle it; one with a prior of its own is kept with those weights.
- ``train`` and ``eval`` change nothing.
- `PosteriorMean` is differentiable with respect to the picture. The others give no gradient, and refuse a
  tensor that asks for one.
"""

from restore.nn.held import PosteriorMean, PriorModule
from restore.nn.tasks import Deblur, Dejpeg, Denoise, Inpaint, Solve, Upscale

__all__ = ["Deblur", "Dejpeg", "Denoise", "Inpaint", "PosteriorMean", "PriorModule", "Solve", "Upscale"]
