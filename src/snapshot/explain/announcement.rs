//! What becomes of the rung: routes, the kernel, ExaBGP, its neighbors, and others who announce the same.

use serde_json::{json, to_value};

use super::super::{HostRouteState, RouteState, RouteView};
use super::words::{at, ended, list, since};
use super::{Case, Link, SHOWN, Step, link};
use crate::exabgp::NeighborState;

/// The keys without which a route is not made.
const NEEDED: [&str; 2] = ["bgp.next_hop_v6", "bgp.allowed_prefixes"];

impl Case<'_> {
    /// Whether the VM is to have routes here.
    pub(super) fn is_wanted(&self) -> bool {
        self.vm.as_ref().is_some_and(|vm| vm.preference.is_some())
    }

    pub(super) fn routes(&self) -> Vec<Link> {
        let mut links: Vec<Link> = self.views().take(SHOWN).map(|route| self.route(route)).collect();
        let more = self.views().count() - links.len();
        if more > 0 {
            let text = format!("The VM has {more} more routes; `/api/v1/vms` has them all.");
            links.push(link(Step::Route, text, json!({"more": more})));
        }
        let without: Vec<String> = self
            .prefixes
            .iter()
            .filter(|prefix| !self.snapshot.routes.contains_key(*prefix))
            .map(ToString::to_string)
            .collect();
        if !without.is_empty() {
            // A VM with a rung has a route for each of its addresses, unless a key that they need waits.
            let waits = self.snapshot.config_status.wait_for_restart.iter();
            let waits: Vec<&str> =
                waits.copied().filter(|key| self.is_wanted() && NEEDED.contains(key)).collect();
            let why = if waits.is_empty() {
                String::new()
            } else {
                format!(": {} in the configuration takes effect with a restart of roamd", list(&waits))
            };
            let text = format!("This host announces nothing for {}{why}.", list(&without));
            let fields = json!({"prefixes": without, "state": null, "wait_for_restart": waits});
            links.push(link(Step::Route, text, fields));
        }
        links
    }

    fn route(&self, route: &RouteView) -> Link {
        let (prefix, rung, since) = (route.prefix, route.preference, since(route.since, self.at));
        let error = route.error.as_deref().map(|error| error.trim_end_matches('.'));
        let text = match (route.state, error) {
            (RouteState::Announced, _) => {
                let attributes = &route.attributes;
                let told = route.confirmed_at.map_or_else(String::new, |time| {
                    format!("; every neighbor that was up had been told by {}", at(time, self.at))
                });
                format!(
                    "ExaBGP has acknowledged {prefix} on the rung `{rung}` {since}, with next hop {}, MED {}, local \
                     preference {} and {} prepends{told}.",
                    route.next_hop, attributes.med, attributes.local_preference, attributes.as_path_prepend
                )
            }
            (RouteState::Pending, None) => format!(
                "{prefix} is wanted on the rung `{rung}` {since}, and ExaBGP has not acknowledged it yet."
            ),
            (RouteState::Pending, Some(error)) => {
                format!("{prefix} is wanted on the rung `{rung}` {since}, but not announced: it is {error}.")
            }
            (RouteState::Withdrawing, _) => format!(
                "{prefix} is no longer wanted {since}: its withdraw, last from the rung `{rung}`, is not acknowledged, or \
                 not repeated yet."
            ),
            (RouteState::Failed, error) if !self.is_wanted() => format!(
                "ExaBGP refuses to take {prefix} back {since}, which was last on the rung `{rung}` and may still be announced, \
                 and is asked again: {}",
                ended(error.unwrap_or("it gave no reason"))
            ),
            (RouteState::Failed, error) => format!(
                "ExaBGP refuses {prefix} on the rung `{rung}` {since}, and is asked again: {}",
                ended(error.unwrap_or("it gave no reason"))
            ),
        };
        link(Step::Route, text, to_value(route).unwrap_or_default())
    }

    pub(super) fn host_routes(&self) -> Vec<Link> {
        let status = &self.snapshot.host_routes;
        let mut links = Vec::new();
        if let Some(error) = &status.error {
            let text = format!("The kernel's routes can't be kept: {}", ended(error));
            links.push(link(Step::HostRoute, text, json!({"error": error})));
        }
        for route in self.views().take(SHOWN) {
            let Some(host_route) = &route.host_route else { continue };
            let prefix = route.prefix;
            let device = host_route.device.as_deref().unwrap_or("its tap");
            let text = match (host_route.state, &host_route.error) {
                (HostRouteState::Failed, error) => format!(
                    "The kernel's route to {prefix} can't be set: {}",
                    ended(error.as_deref().unwrap_or("the kernel gave no reason"))
                ),
                (_, Some(error)) => {
                    format!("The kernel's route to {prefix} is not as wanted: {}", ended(error))
                }
                (HostRouteState::Pending, None) => {
                    format!("The kernel has not confirmed its route to {prefix} yet.")
                }
                (HostRouteState::Placed, None) => {
                    format!("The kernel sends {prefix} to {device}, for all packets.")
                }
                (HostRouteState::Transit, None) => format!(
                    "The kernel sends {prefix} to {device}, for packets from the uplinks alone: the VM does not execute here."
                ),
            };
            let mut fields = to_value(host_route).unwrap_or_default();
            fields["prefix"] = json!(prefix);
            links.push(link(Step::HostRoute, text, fields));
        }
        let conflicts = status.conflicts.iter().filter(|conflict| self.prefixes.contains(&conflict.prefix));
        for conflict in conflicts.take(SHOWN) {
            let device =
                conflict.device.as_deref().map_or_else(String::new, |device| format!(" to {device}"));
            let text = format!(
                "Somebody else has a route for {} in table {} (protocol {}, metric {}){device}.",
                conflict.prefix, conflict.table, conflict.protocol, conflict.metric
            );
            links.push(link(Step::HostRoute, text, to_value(conflict).unwrap_or_default()));
        }
        links
    }

    pub(super) fn exabgp(&self) -> Link {
        let exabgp = &self.snapshot.exabgp;
        let since = exabgp.since.map_or_else(String::new, |time| format!(" {}", since(time, self.at)));
        let text = match (exabgp.transport, exabgp.connected, &exabgp.error) {
            ("print", true, _) => {
                format!(
                    "Commands are printed to stdout{since}: there is no ExaBGP behind it, and nobody hears of them."
                )
            }
            (transport, true, error) => {
                let version = exabgp.version.as_deref().unwrap_or("of unknown version");
                let error =
                    error.as_deref().map_or_else(String::new, |error| format!(" But: {}", ended(error)));
                format!("ExaBGP {version} answers through `{transport}`{since}.{error}")
            }
            (_, false, Some(error)) => format!(
                "ExaBGP does not answer{since}: {} What it holds stays as it is, until a relay lowers it to `unsure`.",
                ended(error)
            ),
            (_, false, None) => "ExaBGP has not answered yet in this agent's life.".to_owned(),
        };
        let fields = json!({
            "transport": exabgp.transport, "connected": exabgp.connected, "since": exabgp.since,
            "version": exabgp.version, "error": exabgp.error,
        });
        link(Step::Exabgp, text, fields)
    }

    pub(super) fn neighbors(&self) -> Option<Link> {
        if self.snapshot.exabgp.transport == "print" {
            return None;
        }
        let ours = &self.snapshot.config.bgp.neighbors;
        let neighbors = self.snapshot.exabgp.neighbors.iter();
        let neighbors: Vec<_> =
            neighbors.filter(|neighbor| ours.is_empty() || ours.contains(&neighbor.address)).collect();
        let said = |up: bool| {
            let chosen = neighbors.iter().filter(|neighbor| (neighbor.state == NeighborState::Up) == up);
            list(chosen.map(|neighbor| {
                let state = if up { String::new() } else { format!("{} ", neighbor.state) };
                format!(
                    "{} (AS {}, {state}{})",
                    neighbor.address,
                    neighbor.asn,
                    since(neighbor.since, self.at)
                )
            }))
        };
        let text = match (said(true), said(false)) {
            (up, down) if up.is_empty() && down.is_empty() => {
                "ExaBGP has told of no BGP session: nobody hears of it.".to_owned()
            }
            (up, down) if up.is_empty() => format!("No BGP session is up, so nobody hears of it: {down}."),
            (up, down) if down.is_empty() => format!("BGP sessions that are up: {up}."),
            (up, down) => format!("BGP sessions that are up: {up}; that are not: {down}."),
        };
        Some(link(Step::Neighbors, text, json!({ "neighbors": neighbors })))
    }

    pub(super) fn conflicts(&self) -> Vec<Link> {
        let open = self.snapshot.conflicts.open.iter();
        let open = open.filter(|conflict| self.prefixes.contains(&conflict.prefix)).take(SHOWN);
        open.map(|conflict| {
            let claim = conflict.preference.map_or_else(
                || "without roamd's mark".to_owned(),
                |rung| format!("on the rung `{rung}`"),
            );
            let by = conflict.marked_by.map_or_else(String::new, |asn| format!(" of AS {asn}"));
            let next_hop = conflict.next_hop.map_or_else(String::new, |hop| format!(", next hop {hop}"));
            let text = format!(
                "Split brain: another host{by} announces {} {claim} {}, as {} tells{next_hop}. Find out on which host the VM \
                 is meant to run, and stop it on the other, or put it on that host's `hold` list.",
                conflict.prefix,
                since(conflict.since, self.at),
                conflict.neighbor
            );
            link(Step::Conflict, text, to_value(conflict).unwrap_or_default())
        })
        .collect()
    }
}
