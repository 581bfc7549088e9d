#!/usr/bin/python3
"""The API processes that ExaBGP runs in place of the relay, for tests/bench/routes.py.

    piped.py write COMMANDS GO      waits until GO is written to, then writes the file of commands in one go
    piped.py record FILE PROGRAM…   runs a program in its own place and notes the commands that it writes

What ExaBGP says is always read, as it must be: it stops all BGP while its child's pipe is full.
"""

import os
import subprocess
import sys
import threading


def drain():
    """Until ExaBGP is gone."""
    while os.read(0, 1 << 16):
        pass
    os._exit(0)


def write(commands, go):
    with open(commands, "rb") as file:
        text = file.read()
    threading.Thread(target=drain).start()
    with open(go, "rb") as file:
        file.read(1)
    while text:
        text = text[os.write(1, text) :]


def record(path, *command):
    with open(path, "wb", buffering=0) as file:
        program = subprocess.Popen(command, stdout=subprocess.PIPE)
        while text := os.read(program.stdout.fileno(), 1 << 16):
            file.write(text)
            os.write(1, text)
        program.wait()


if __name__ == "__main__":
    {"write": write, "record": record}[sys.argv[1]](*sys.argv[2:])
