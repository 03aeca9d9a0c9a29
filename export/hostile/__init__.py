"""Model files from outside: hostile until checked.

`admit` is the door. What was made here is known by a record in the user's own cache; anything
else is examined, then opened and run once in a limited child process, before this process
parses a byte of it.
"""

from export.hostile.beside import WEIGHTS_FOLDER
from export.hostile.door import admit
from export.hostile.known import remember, trust

__all__ = ["WEIGHTS_FOLDER", "admit", "remember", "trust"]
