from restore import errors as errors
from restore import images as images
from restore import integrations as integrations
from restore import nn as nn
from restore import testing as testing
from restore import types as types
from restore.errors import RestoreError as RestoreError
from restore.priors.checkpoint import load as load
from restore.tasks.colorize import colorize as colorize
from restore.tasks.damage import damage_mask as damage_mask
from restore.tasks.deblur import deblur as deblur
from restore.tasks.dejpeg import dejpeg as dejpeg
from restore.tasks.denoise import denoise as denoise
from restore.tasks.erase import erase as erase
from restore.tasks.erase import erase_mask as erase_mask
from restore.tasks.inpaint import inpaint as inpaint
from restore.tasks.repair import repair as repair
from restore.tasks.sample import sample as sample
from restore.tasks.solve import solve as solve
from restore.tasks.upscale import upscale as upscale
from restore.tasks.vary import vary as vary

__version__: str
