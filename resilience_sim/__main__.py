"""``python -m resilience_sim``: the same as the ``resim`` command."""

from resilience_sim.cli.main import main

if __name__ == "__main__":
    main()
