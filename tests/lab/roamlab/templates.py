"""Fills in configurations with words between at signs, as deploy/demo and the other tests do."""

import re

from .place import REPOSITORY
from .topology import LabError

DEPLOY = REPOSITORY / "deploy"


def filled(path, values):
    """The text of a template with each @KEY@ replaced; every key must occur, and none may be left."""
    text = path.read_text()
    for key, value in values.items():
        if f"@{key}@" not in text:
            raise LabError(f"{path} has no @{key}@")
        text = text.replace(f"@{key}@", str(value))
    left = re.search(r"@[A-Z0-9_]+@", text)
    if left:
        raise LabError(f"{path}: {left.group()} has no value")
    return text
