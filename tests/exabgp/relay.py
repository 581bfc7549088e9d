"""ExaBGP's API process in the tests: passes its standard streams through to the test's unix socket.

Ends with either side, so that closing the test's connection is what a dying agent looks like to ExaBGP, and
ExaBGP starts the next one.
"""

import os
import select
import socket
import sys

link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
link.connect(sys.argv[1])
ways = {0: link.fileno(), link.fileno(): 1}
while True:
    for source in select.select(list(ways), [], [])[0]:
        chunk = os.read(source, 65536)
        if not chunk:
            sys.exit(0)
        while chunk:
            chunk = chunk[os.write(ways[source], chunk):]
