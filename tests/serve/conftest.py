"""What the tests of the page share: a browser for each module, a server for all of them."""

from web_desk import chromium as chromium
from web_desk import desk as desk
from web_desk import served as served
