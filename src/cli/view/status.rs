//! The status of a host as lines of text. Pure but for [`Answers::ask`].

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client::{Client, ClientError, read};
use super::text::{Line, Piece, Tone, table};

/// The three answers that it is made of, as they came.
pub(super) struct Answers {
    status: String,
    vms: String,
    routes: String,
    generation: u64,
    ready: bool,
}

/// What tells whether anything has changed.
#[derive(Deserialize)]
struct Mark {
    generation: u64,
    ready: bool,
}

impl Answers {
    pub(super) async fn ask(client: &Client) -> Result<Self, ClientError> {
        let status = client.get("/api/v1/status").await?;
        let Mark { generation, ready } = read(&status)?;
        let vms = client.get("/api/v1/vms").await?;
        let routes = client.get("/api/v1/routes").await?;
        Ok(Self { status, vms, routes, generation, ready })
    }

    /// The generation that the agent has reached.
    pub(super) async fn current(client: &Client) -> Result<u64, ClientError> {
        let mark: Mark = read(&client.get("/api/v1/status").await?)?;
        Ok(mark.generation)
    }

    /// The generation that is shown.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// The answers in one object, each as it came.
    pub(super) fn json(&self) -> String {
        format!(r#"{{"status":{},"vms":{},"routes":{}}}"#, self.status, self.vms, self.routes)
    }

    pub(super) fn read(&self) -> Result<Host, ClientError> {
        let Vms { vms } = read(&self.vms)?;
        let Routes { routes } = read(&self.routes)?;
        Ok(Host { status: read(&self.status)?, vms, routes })
    }
}

/// A host, as far as it is shown.
pub(super) struct Host {
    status: Status,
    vms: Vec<Vm>,
    routes: Vec<Route>,
}

#[derive(Deserialize)]
struct Vms {
    vms: Vec<Vm>,
}

#[derive(Deserialize)]
struct Routes {
    routes: Vec<Route>,
}

#[derive(Deserialize)]
struct Status {
    host: String,
    version: String,
    ready: bool,
    not_ready: Vec<NotReady>,
    config: Config,
    libvirt: Libvirt,
    exabgp: Exabgp,
    conflicts: Conflicts,
    host_routes: HostRoutes,
    counts: Counts,
}

#[derive(Deserialize)]
struct NotReady {
    part: String,
    reason: String,
}

#[derive(Deserialize)]
struct Config {
    path: String,
    errors: Vec<String>,
    wait_for_restart: Vec<String>,
}

#[derive(Deserialize)]
struct Libvirt {
    uri: String,
    connected: bool,
    since: Option<String>,
    version: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Exabgp {
    transport: String,
    connected: bool,
    since: Option<String>,
    version: Option<String>,
    neighbors: Vec<Neighbor>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Neighbor {
    address: String,
    asn: u32,
    state: String,
    since: String,
}

#[derive(Deserialize)]
struct Conflicts {
    open: Vec<Conflict>,
}

#[derive(Deserialize)]
struct Conflict {
    prefix: String,
    vm: String,
    neighbor: String,
    since: String,
}

#[derive(Deserialize)]
struct HostRoutes {
    error: Option<String>,
    conflicts: Vec<HostRouteConflict>,
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct HostRouteConflict {
    prefix: String,
    table: u32,
    protocol: u8,
}

#[derive(Deserialize)]
struct Counts {
    vms: BTreeMap<String, usize>,
    routes: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
struct Vm {
    name: String,
    managed: bool,
    presence: String,
    since: Option<String>,
    routes: Vec<Route>,
}

#[derive(Deserialize)]
struct Route {
    prefix: String,
    vm: Option<String>,
    preference: String,
    state: String,
    since: String,
    error: Option<String>,
    #[serde(rename = "host_route")]
    kernel: Option<HostRoute>,
}

#[derive(Deserialize)]
struct HostRoute {
    error: Option<String>,
}

/// What is to be shown of a host, its table no wider than a terminal of `width`.
pub(super) fn lines(host: &Host, width: Option<usize>) -> Vec<Line> {
    let mut lines = heads(host);
    lines.extend(troubles(host));
    let rows = rows(host);
    if !rows.is_empty() {
        lines.push(Line::new());
        lines.extend(table(["VM", "PRESENCE", "SINCE", "PREFIX", "RUNG", "STATE", "SINCE"], rows, width));
    }
    lines.push(Line::new());
    lines.push(vec![Piece::new(Tone::Faint, &sums(&host.status.counts))]);
    lines
}

/// The host and the parts that it depends on.
fn heads(host: &Host) -> Vec<Line> {
    let Status { host, version, ready, libvirt, exabgp, .. } = &host.status;
    let (tone, word) = if *ready { (Tone::Good, "ready") } else { (Tone::Bad, "not ready") };
    let mut lines = vec![vec![
        Piece::new(Tone::Strong, host),
        Piece::plain(&format!("  roamd {version}  ")),
        Piece::new(tone, word),
    ]];
    let part = |name: &str, connected: bool, what: String| {
        let (tone, word) = if connected { (Tone::Good, "connected") } else { (Tone::Bad, "not connected") };
        vec![
            Piece::plain(&format!("{name:<9} ")),
            Piece::new(tone, &format!("{word:<15}")),
            Piece::plain(&what),
        ]
    };
    let what = |version: &Option<String>, place: &str, since: &Option<String>, error: &Option<String>| {
        let since = since.as_ref().map(|since| format!("since {since}"));
        let all = [version.clone(), Some(place.to_owned()), since, error.clone()];
        all.into_iter().flatten().collect::<Vec<_>>().join("  ")
    };
    lines.push(part(
        "libvirt",
        libvirt.connected,
        what(&libvirt.version, &libvirt.uri, &libvirt.since, &libvirt.error),
    ));
    lines.push(part(
        "ExaBGP",
        exabgp.connected,
        what(&exabgp.version, &exabgp.transport, &exabgp.since, &exabgp.error),
    ));
    for Neighbor { address, asn, state, since } in &exabgp.neighbors {
        let tone = if state == "up" { Tone::Good } else { Tone::Bad };
        lines.push(vec![
            Piece::plain("neighbor  "),
            Piece::new(tone, &format!("{state:<15}")),
            Piece::plain(&format!("{address}  AS {asn}  since {since}")),
        ]);
    }
    lines
}

/// What an operator must look at, one a line.
fn troubles(host: &Host) -> Vec<Line> {
    let status = &host.status;
    let mut troubles: Vec<String> = Vec::new();
    for NotReady { part, reason } in &status.not_ready {
        troubles.push(format!("not ready, {}: {reason}", part.replace('_', " ")));
    }
    for Conflict { prefix, vm, neighbor, since } in &status.conflicts.open {
        troubles.push(format!("split brain: {neighbor} has another path to {prefix} of {vm}, since {since}"));
    }
    troubles.extend(status.host_routes.error.iter().map(|error| format!("host routes: {error}")));
    for HostRouteConflict { prefix, table, protocol } in &status.host_routes.conflicts {
        troubles
            .push(format!("host routes: somebody else has {prefix} in table {table} (protocol {protocol})"));
    }
    troubles.extend(status.host_routes.warnings.iter().map(|warning| format!("host routes: {warning}")));
    for Route { prefix, vm, error, kernel, .. } in &host.routes {
        let whose = vm.as_ref().map_or_else(String::new, |vm| format!(" of {vm}"));
        let kernel = kernel.as_ref().and_then(|kernel| kernel.error.as_ref());
        troubles.extend(error.iter().chain(kernel).map(|error| format!("{prefix}{whose}: {error}")));
    }
    troubles.extend(
        status.config.errors.iter().map(|error| format!("{} is not taken: {error}", status.config.path)),
    );
    let waiting = status.config.wait_for_restart.iter();
    troubles.extend(
        waiting.map(|key| format!("{key} in the configuration takes effect with a restart of roamd")),
    );
    // An error of a route and of its host route are one, where it is held back.
    troubles.dedup();
    troubles.into_iter().map(|text| vec![Piece::new(Tone::Bad, "! "), Piece::plain(&text)]).collect()
}

/// A row for each route of each VM that is here or has one, and for the routes of no VM.
fn rows(host: &Host) -> Vec<[Piece; 7]> {
    let mut rows = Vec::new();
    for vm in host.vms.iter().filter(|vm| vm.presence != "absent" || !vm.routes.is_empty()) {
        let head = |first: bool| {
            let said = |text: &str, tone| if first { Piece::new(tone, text) } else { Piece::default() };
            [
                said(&vm.name, Tone::Plain),
                said(&vm.presence, presence_tone(vm)),
                said(vm.since.as_deref().unwrap_or("-"), Tone::Plain),
            ]
        };
        let mut first = true;
        for route in &vm.routes {
            rows.push(row(head(first), route));
            first = false;
        }
        if first {
            let [name, presence, since] = head(true);
            let none = if vm.managed { "no route" } else { "not managed" };
            let [prefix, rung, state] = [none, "-", "-"].map(|text| Piece::new(Tone::Faint, text));
            rows.push([name, presence, since, prefix, rung, state, Piece::default()]);
        }
    }
    for route in host.routes.iter().filter(|route| route.vm.is_none()) {
        let nobody = [Piece::new(Tone::Faint, "(no VM)"), Piece::plain("-"), Piece::plain("-")];
        rows.push(row(nobody, route));
    }
    rows
}

fn row([name, presence, vm_since]: [Piece; 3], route: &Route) -> [Piece; 7] {
    let Route { prefix, preference, state, since, .. } = route;
    let tone = match state.as_str() {
        "announced" => Tone::Good,
        "failed" => Tone::Bad,
        _ => Tone::Uneasy,
    };
    let prefix = Piece::plain(prefix);
    [name, presence, vm_since, prefix, Piece::plain(preference), Piece::new(tone, state), Piece::plain(since)]
}

fn presence_tone(vm: &Vm) -> Tone {
    match vm.presence.as_str() {
        "arrived" | "present" => Tone::Good,
        "absent" => Tone::Faint,
        _ => Tone::Uneasy,
    }
}

/// `3 VMs: 2 present, 1 absent; 4 routes: 4 announced`
fn sums(counts: &Counts) -> String {
    let sum = |what: &str, counts: &BTreeMap<String, usize>| {
        let total: usize = counts.values().sum();
        let parts: Vec<String> = counts
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(key, count)| format!("{count} {key}"))
            .collect();
        let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        format!("{total} {what}{parts}")
    };
    format!("{}; {}", sum("VMs", &counts.vms), sum("routes", &counts.routes))
}
