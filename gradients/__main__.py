"""`python -m gradients`: the cross-checks of `gradients.crosscheck`."""

import sys

from gradients.crosscheck import main

if __name__ == "__main__":
    sys.exit(main())
