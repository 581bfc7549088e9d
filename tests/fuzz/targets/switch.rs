//! What a real ExaBGP answers to a session's questions.

/// What it shows of its configuration: one neighbor of either kind.
const CONFIGURATION: &str = "\
neighbor 127.0.0.2 {\n  local-as 65101;\n  peer-as 65000;\n  manual-eor true;\n\n  family {\n    ipv4 unicast;\n    \
ipv6 unicast;\n  }\n  api {\n    processes [ roamd ];\n  }\n}\n\
neighbor 127.0.0.3 {\n  local-as 65101;\n  peer-as 65101;\n  family {\n    ipv4 unicast;\n    ipv6 unicast;\n  }\n  \
api {\n    processes [ roamd ];\n  }\n}\n";

const SUMMARY: &str = "\
Peer            AS        up/down state       |     #sent     #recvd\n\
127.0.0.2       65000     0:00:03 established           5          2\n";

/// All that it says to one line.
pub fn answer(line: &str) -> String {
    let shown = match line {
        "version" => "exabgp 4.2.21\n",
        "show neighbor summary" => SUMMARY,
        "show neighbor configuration" => CONFIGURATION,
        _ => "",
    };
    format!("{shown}done\n")
}
