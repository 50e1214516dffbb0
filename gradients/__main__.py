"""`python -m gradients`: the cross-checks of `gradients.crosscheck`."""

import sys

if __name__ == "__main__":
    try:
        from gradients.crosscheck import main  # here, because an interruption may come while the libraries load

        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
