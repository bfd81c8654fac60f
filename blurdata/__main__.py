"""``python -m blurdata`` and ``blurdata``: listens to Ctrl-C before anything that takes time is imported."""

from blurdata.interrupt import end_stopped, listen, stop_listening, was_stopped


def main() -> None:
    """The command, imported only now."""
    try:
        listen()
        from blurdata.cli import main as command

        command()
    except (Exception, KeyboardInterrupt) as error:
        if was_stopped(error):
            end_stopped()
        raise
    finally:
        stop_listening()


if __name__ == "__main__":
    main()
