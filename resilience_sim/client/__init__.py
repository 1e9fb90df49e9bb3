"""The user's own client code on the virtual clock: it runs as it is, and what it waits for is the simulation.

One thread, many *strands* (greenlets): one for each request of a plain function, for each thread that the code starts,
and for each event loop. The kernel's queue is the only clock: a strand that waits hands over to the kernel, which
wakes it by an event (strands.py). What code can wait for or look at is replaced while a run goes on, and only for it:
clocks (clock.py), chance (chance.py), threads and locks (threads.py), sockets and names (sockets.py), selectors
(poll.py), event loops (loop.py); replace.py puts it all in place and back again. The services of the scenario are
hosts (hosts.py), and a connection is an attempt (layer.py).
"""
