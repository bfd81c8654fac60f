"""``python -m blurdata`` is the ``blurdata`` command."""

from blurdata.cli import main

if __name__ == "__main__":
    main()
