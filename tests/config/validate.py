#!/usr/bin/python3
"""Validates files of the configuration as an editor does, against what `roamd schema` prints; called by tests/config.rs.

    validate.py SCHEMA FILE...

Prints a line for each file: its path, a blank, and `valid`, `invalid` or `unreadable`. YAML 1.2 is read with ruamel.yaml,
as PyYAML reads 1.1, in which `yes` is a boolean.
"""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def verdict(validator, path):
    try:
        value = YAML(typ="safe", pure=True).load(pathlib.Path(path))
    except (YAMLError, UnicodeDecodeError, ValueError):
        return "unreadable"
    return "valid" if validator.is_valid(value) else "invalid"


def main():
    schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for path in sys.argv[2:]:
        print(path, verdict(validator, path))


if __name__ == "__main__":
    main()
