"""The one clock of a recording: nanoseconds of the machine's real-time clock."""

from datetime import datetime, timezone


def nanoseconds(text):
    """An ISO time in UTC, with fractions of a second or without."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=timezone.utc)
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1000
