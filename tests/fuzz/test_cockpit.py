"""A few of the sessions that cockpit.py plays by the thousand."""

from __future__ import annotations

from .cockpit import campaign


def test_whatever_somebody_does_the_cockpit_lives():
    """No exception that the screen would not catch, and what is written is what was played."""
    report = campaign(150, 3, ["live-fix", "hedged-tail"])
    assert report.faults == []
    assert report.actions == 150
    assert len(report.commands) > 30
    assert report.forks > 3
