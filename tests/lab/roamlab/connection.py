"""A TCP connection of the first client's to a guest's echo, held for as long as a test wants."""

import subprocess

from .namespaces import ENVIRONMENT
from .topology import LabError

# Runs inside the client. Each line is an order: `send N` sends so many bytes, `answered N` waits for as many to come back and
# says how many of them did and are right.
TALK = """
import socket, sys, threading
connection = socket.create_connection((sys.argv[1], 7), timeout=60)
for line in sys.stdin:
    order, number = line.split()
    if order == "send":
        # Beside the reading: the echo sends only as much as is read.
        threading.Thread(target=connection.sendall, args=(b"r" * int(number),)).start()
        print(number, flush=True)
    else:
        left = int(number)
        while left and (found := connection.recv(min(left, 1 << 16))):
            left -= found.count(b"r")
        print(int(number) - left, flush=True)
"""


class Connection:
    """An open connection to an address of a guest's; made and closed by `with`."""

    def __init__(self, lab, address):
        self.process = subprocess.Popen(
            [*lab.namespaces.enter(lab.topology.clients[0].name), "/usr/bin/python3", "-c", TALK, address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def send(self, number):
        """Sends so many bytes and waits for nothing."""
        self.say("send", number)

    def answered(self, number):
        """Waits for so many bytes to come back; whether they did."""
        return self.say("answered", number) == number

    def echoes(self, number):
        """Sends so many bytes; whether they come back."""
        self.send(number)
        return self.answered(number)

    def say(self, order, number):
        self.process.stdin.write(f"{order} {number}\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        if not said:
            raise LabError(f"the connection ended: {order} {number}")
        return int(said)
