"""BIRD on a router, configured from the templates in deploy/bird, and what it says of its routes."""

import re
import subprocess

from .clock import nanoseconds
from .ladder import Route, mark
from .namespaces import PROMPTLY, wait_until
from .templates import DEPLOY, filled
from .timeline import Best, Seen, Session
from .topology import FABRIC_V4, FABRIC_V6, LOOPBACKS, SERVICE_V4, SERVICE_V6, Host, LabError, Router

# The log with times has every route of a host's, the best or not, with its attributes: a pipe passes on all of them, and no
# other protocol does. LOG_BEST goes into the filters of kernel.conf.in.
LOG_BEST = 'print "BEST ", proto, " ", net, " mark ", bgp_large_community;'
LOG = """
timeformat log iso long us;
log "@LOG@" all;
"""
LOG_OF_A_FAMILY = """
ipv@V@ table seen@V@;
protocol pipe record@V@ {
  table master@V@;
  peer table seen@V@;
  import none;
  export filter {
    if source = RTS_BGP then
      print "SEEN ", proto, " ", net, " path ", bgp_path, " med ", bgp_med, " mark ", bgp_large_community;
    accept;
  };
}
"""


def start(namespaces, lab, router, recovers=False):
    """Starts BIRD with a session to each neighbor that has an AS; its process. `recovers`: after a graceful restart."""
    directory = lab.path / router.name
    (directory / "bird.conf").write_text(configuration(lab, router, directory / "bird.log"))
    pid = namespaces.start(
        router.name, [*(PROMPTLY if lab.options.bfd else ()), "bird", "-f", *(["-R"] if recovers else []),
                      "-c", directory / "bird.conf", "-s", control(lab, router.name)], directory / "bird.stderr")
    wait_until(f"BIRD on {router.name}", lambda: ask(lab, router.name, "show status"))
    return pid


def start_bfd(namespaces, lab, host):
    """Starts the daemon that speaks BFD for a host beside ExaBGP; its process."""
    directory = lab.path / host.name
    pairs = [pair for end in lab.topology.ends(host.name) for pair in (
        (end.peer_address, end.address), *([(end.peer_address_v6, end.address_v6)] if lab.topology.session_a_family else []))]
    (directory / "bfd.conf").write_text(filled(DEPLOY / "bird/bfd_host.conf.in", {
        "ROUTER_ID": lab.topology.loopback(host.name),
        "NEIGHBORS": "\n".join(f"  neighbor {there} local {here};" for there, here in pairs),
    }))
    return namespaces.start(
        host.name, [*PROMPTLY, "bird", "-f", "-c", directory / "bfd.conf", "-s", directory / "bfd.sock"], directory / "bfd.log")


def configuration(lab, router, log):
    """The text of bird.conf: the files of deploy/bird as an operator would put them together, and what the lab adds."""
    options = lab.options
    restart = "yes" if options.graceful else "aware"
    text = filled(DEPLOY / "bird/tor.conf.in", {
        "TOR_ADDRESS": lab.topology.loopback(router.name), "LEADS_TO": "", "LOOPBACKS": LOOPBACKS, "SERVICE_V4": SERVICE_V4,
        "SERVICE_V6": SERVICE_V6, "GRACEFUL_RESTART": restart, "RUNGS_DECIDE": "true" if options.rungs_decide else "false",
        "MAXIMUM": options.maximum,
    })
    if options.bfd:
        text += filled(DEPLOY / "bird/bfd.conf.in", {})
    text += filled(DEPLOY / "bird/fabric.conf.in", {
        "LOOPBACKS": LOOPBACKS, "SERVICE_V4": SERVICE_V4, "SERVICE_V6": SERVICE_V6, "FABRIC_V4": FABRIC_V4,
        "FABRIC_V6": FABRIC_V6, "GRACEFUL_RESTART": restart, "ADD_PATHS": "on" if options.add_paths else "off",
    })
    for end in lab.topology.ends(router.name):
        peer = lab.topology.node(end.peer)
        reflects = end.peer_below and getattr(peer, "asn", None) == router.asn
        if isinstance(peer, Host):
            text += "".join(host_sessions(lab, router, end, peer, reflects))
        elif isinstance(peer, Router):
            text += filled(DEPLOY / "bird/router.conf.in", {
                "ROUTER": peer.name, "ADDRESS": end.address, "ADDRESS_V6": end.address_v6, "AS": router.asn,
                "ROUTER_ADDRESS": end.peer_address, "ROUTER_ADDRESS_V6": end.peer_address_v6, "ROUTER_AS": peer.asn,
                "ROLE": "rr client;" if reflects else "",
            })
    kernel = "persist; graceful restart; " if options.graceful else ""
    text += filled(DEPLOY / "bird/kernel.conf.in", {"OPTIONS": f"{kernel}debug {{ routes }};", "LOG": LOG_BEST})
    text += LOG.replace("@LOG@", str(log))
    return text + "".join(LOG_OF_A_FAMILY.replace("@V@", version) for version in ("4", "6"))


def host_sessions(lab, router, end, host, reflects):
    """The block of each session with a host."""
    reach = "".join(["direct", "; bfd on" if lab.options.bfd else "", "; rr client" if reflects else ""])
    common = {"REACH": reach, "TOR_PORT": 179, "TOR_AS": router.asn, "HOST_AS": host.asn}
    v4 = common | {"TOR_ADDRESS": end.address, "HOST_ADDRESS": end.peer_address, "HOST": host.name}
    v6 = common | {"TOR_ADDRESS": end.address_v6, "HOST_ADDRESS": end.peer_address_v6, "HOST": f"{host.name}_v6"}
    if not lab.topology.session_a_family:
        return [filled(DEPLOY / "bird/host.conf.in", v4 | {"SESSION": "hosts_both"})]
    return [filled(DEPLOY / "bird/host.conf.in", values | {"SESSION": session})
            for values, session in ((v4, "hosts_v4"), (v6, "hosts_v6"))]


def control(lab, router):
    return lab.path / router / "bird.sock"


def log(lab, router):
    """The file of which `entries` reads the lines."""
    return lab.path / router / "bird.log"


def ask(lab, router, command):
    """What BIRD on a router answers to a command of birdc's."""
    done = subprocess.run(["/usr/sbin/birdc", "-s", control(lab, router), *command.split()], capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"birdc {command} on {router}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def established(lab, router, neighbor):
    """Whether every session of a router with a neighbor is up, and a graceful restart is over."""
    states = [line.split()[-1] for line in ask(lab, router, f'show protocols "{neighbor}*"').splitlines()
              if line.split()[:1] in ([neighbor], [f"{neighbor}_v6"])]
    recovers = "recovery in progress" in ask(lab, router, "show status")
    return bool(states) and all(state == "Established" for state in states) and not recovers


def routes(lab, router, prefix):
    """All routes that a router has for a prefix."""
    return read_table(lab.topology, ask(lab, router, f"show route all where net = {prefix}")).get(prefix, [])


def neighbor(protocol):
    """The node behind a protocol's name: a session a family has one each."""
    return protocol.removesuffix("_v6")


def read_table(topology, text):
    """Each prefix of `show route all` with all its routes."""
    table, found, prefix = {}, None, None
    for line in text.splitlines():
        if not line or line.startswith(("Table ", "BIRD ")):
            continue
        if not line.startswith("\t"):
            words = line.split()
            if not line[0].isspace():
                prefix = words[0]
            protocol = re.search(r"\[(\S+)", line)[1]
            found = table.setdefault(prefix, [])
            source = neighbor(protocol)
            found.append(Route(source, None, "*" in words, topology.origin(None, source)))
        elif "BGP.large_community:" in line:
            said = mark(line.split(":", 1)[1])
            found[-1] = found[-1]._replace(rung=said.rung, host=topology.origin(said.host, found[-1].neighbor))
    return table


LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) <(\w+)> (.*)")
ADDED = re.compile(r"(\S+)\.ipv[46] > added (?:\[\S+\] )?(\S+/\d+) (\d+)L ")
SEEN = re.compile(r"SEEN (\S+) (\S+) .* mark (.*)")
BEST = re.compile(r"BEST (\S+) (\S+) mark (.*)")
REMOVED = re.compile(r"(\S+)\.ipv[46] > removed (?:\[\S+\] )?(\S+/\d+) (\d+)L ")
UNFORWARDED = re.compile(r"forward[46]\.ipv[46] < removed (?:\[\S+\] )?(\S+/\d+) ")


def entries(topology, router, lines):
    """What BIRD's log tells, from its first line on; the lines come from LOG_BEST, LOG_OF_A_FAMILY and `debug { routes }`."""
    # The number of the path that each (protocol, prefix) is just getting; the host of each (protocol, prefix, number). A neighbor
    # may have several paths for one prefix (RFC 7911). BIRD says their numbers where a path comes and where it goes, and prints
    # the path's attributes after the former.
    coming, hosts, chosen = {}, {}, set()
    for line in lines:
        match = LINE.fullmatch(line)
        if not match:
            continue
        at, text = nanoseconds(match[1]), match[3]
        if found := ADDED.match(text):
            coming[found[1], found[2]] = found[3]
        elif found := SEEN.fullmatch(text):
            protocol, prefix, said = found[1], found[2], mark(found[3])
            path = protocol, prefix, coming.get((protocol, prefix))
            host = topology.origin(said.host, neighbor(protocol))
            # One that comes by the same path takes its place (RFC 4271, 3.1).
            if hosts.get(path, host) != host:
                yield from gone(at, router, path, hosts)
            hosts[path] = host
            yield Seen(at, router, neighbor(protocol), prefix, True, said.rung, host)
        elif found := BEST.fullmatch(text):
            chosen.add(found[2])
            yield Best(at, router, found[2], neighbor(found[1]), topology.origin(mark(found[3]).host, neighbor(found[1])))
        elif found := UNFORWARDED.match(text):
            chosen.discard(found[1])
            yield Best(at, router, found[1], None, None)
        elif (found := REMOVED.match(text)) and found.groups() in hosts:
            yield from gone(at, router, found.groups(), hosts)
        elif text == "Started":
            # It knows nothing of what was before.
            for protocol, prefix, _ in hosts:
                yield Seen(at, router, neighbor(protocol), prefix, False, None, None)
            for prefix in sorted(chosen):
                yield Best(at, router, prefix, None, None)
            coming, hosts, chosen = {}, {}, set()
        elif match[2] != "TRACE" and ": " in text:
            protocol, said = text.split(": ", 1)
            yield Session(at, router, neighbor(protocol), said)


def gone(at, router, path, hosts):
    """The end of what came by a path, which leaves `hosts`."""
    host = hosts.pop(path)
    # It may have come by another path as well, as after the restart of the one that numbers them.
    if not any((*other[:2], of) == (*path[:2], host) for other, of in hosts.items()):
        yield Seen(at, router, neighbor(path[0]), path[1], False, None, host)
