from .errors import *
from .primitives import *
from .value import *
from .graph import *
