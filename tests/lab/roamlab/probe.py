"""What a client sees of a VM: one probe every few milliseconds, sent and received times in nanoseconds.

    probe.py icmp|udp ADDRESS INTERVAL_MS FILE

Runs inside the client until SIGTERM, waits a second at most for answers that are still due, and writes FILE:
{"sent": [ns...], "received": [ns or null...], "unreachable": [[ns, sender, code]...], "exceeded": likewise}. Times are those of the
real-time clock; received ones are the kernel's. A probe that could not be sent in its turn, because this program did not
get the processor, is left out and not sent late.
"""

import json
import select
import signal
import socket
import struct
import sys
import time
from typing import NamedTuple

SO_TIMESTAMPNS = 35


class Numbers(NamedTuple):
    """What differs between ICMP (RFC 792) and ICMPv6 (RFC 4443)."""

    family: int
    protocol: int
    echo: int
    reply: int
    unreachable: int
    exceeded: int
    # Where the destination stands in the IP header.
    destination: slice
    # Whether a raw socket gives the IP header before the message; it then also wants a checksum to be sent.
    with_header: bool


V4 = Numbers(socket.AF_INET, socket.IPPROTO_ICMP, 8, 0, 3, 11, slice(16, 20), True)
V6 = Numbers(socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129, 1, 3, slice(24, 40), False)
# What marks a probe of ours, before its number.
MAGIC = b"roamd-lab"
# Nanoseconds after the end in which answers are waited for.
GRACE = 1_000_000_000


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def echo_request(numbers, payload):
    header = struct.pack("!BBHHH", numbers.echo, 0, 0, 82, 0)
    data = header + payload + b"\0" * (len(payload) % 2)
    return data[:2] + struct.pack("!H", checksum(data)) + data[4:] if numbers.with_header else data


def number(payload):
    """The number of our own probe, or None."""
    if payload[: len(MAGIC)] != MAGIC:
        return None
    return struct.unpack("!I", payload[len(MAGIC) : len(MAGIC) + 4])[0]


def stamped(sock):
    """A packet, its sender, and the kernel's time of its arrival."""
    data, ancillary, _, sender = sock.recvmsg(2048, 64)
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("@qq", value[:16])
            return data, sender[0], seconds * 1_000_000_000 + nanoseconds
    return data, sender[0], time.time_ns()


def outstanding(found):
    """Whether the answer to a probe of the last second before the end may still come."""
    return time.time_ns() < found["ended"] + GRACE and any(
        arrival is None for sent, arrival in zip(found["sent"], found["received"]) if sent > found["ended"] - GRACE)


def probe(protocol, address, interval, found):
    numbers = V6 if ":" in address else V4
    icmp = socket.socket(numbers.family, socket.SOCK_RAW, numbers.protocol)
    udp = socket.socket(numbers.family, socket.SOCK_DGRAM)
    sockets = [icmp, udp]
    for sock in sockets:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.setblocking(False)
    poll = select.poll()
    for sock in sockets:
        poll.register(sock, select.POLLIN)
    by_number = {sock.fileno(): sock for sock in sockets}
    due = time.monotonic()
    while not found["ended"] or outstanding(found):
        now = time.monotonic()
        if now >= due and not found["ended"]:
            payload = MAGIC + struct.pack("!I", len(found["sent"]))
            found["received"].append(None)
            found["sent"].append(time.time_ns())
            try:
                if protocol == "icmp":
                    icmp.sendto(echo_request(numbers, payload), (address, 0))
                else:
                    udp.sendto(payload, (address, 7))
            except OSError:
                pass  # counts as a probe without an answer
            due += interval * (1 + int((now - due) / interval))
        wait = 0.02 if found["ended"] else max(0, due - time.monotonic())
        for fd, _ in poll.poll(wait * 1000):
            receive(by_number[fd], numbers if by_number[fd] is icmp else None, address, found)


def receive(sock, numbers, address, found):
    """Takes all that has come; `numbers` where it is ICMP, and not the echoed datagrams.

    A raw socket gets what is meant for others on this machine too: an error counts where it quotes a packet to `address`.
    """
    while True:
        try:
            data, sender, at = stamped(sock)
        except BlockingIOError:
            return
        except OSError:
            continue
        if numbers:
            message = data[(data[0] & 15) * 4 :] if numbers.with_header else data
            errors = {numbers.unreachable: found["unreachable"], numbers.exceeded: found["exceeded"]}.get(message[0])
            if errors is not None and message[8:][numbers.destination] == socket.inet_pton(numbers.family, address):
                errors.append([at, sender, message[1]])
            if message[0] != numbers.reply:
                continue
            data = message[8:]
        which = number(data)
        if which is not None and which < len(found["sent"]) and found["received"][which] is None:
            found["received"][which] = at


def main():
    protocol, address, interval, path = sys.argv[1:]
    found = {"sent": [], "received": [], "unreachable": [], "exceeded": [], "ended": 0}
    signal.signal(signal.SIGTERM, lambda *_: found.update(ended=time.time_ns()))
    probe(protocol, address, float(interval) / 1000, found)
    with open(path, "w", encoding="ascii") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
