"""The services of a scenario as a real HTTP server, on the real clock: ``resim serve``.

The kernel's queue is the only model of what happens; here is what brings requests of real clients into it and what it
answers back onto their connections.
"""
