"""``python -m aerchive`` is the command ``aerchive``."""

import sys

from aerchive.cli import main

if __name__ == "__main__":
    sys.exit(main())
