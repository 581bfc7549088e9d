//! What the difference between two views of a route says. Pure.

use crate::route::Prefix;
use crate::snapshot::{HostRouteState, HostRouteView, Mass, RouteState, RouteView, What};
use crate::vm::{Presence, VmName};

/// A route changed, or its host route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct RouteChange {
    pub(super) prefix: Prefix,
    pub(super) vm: Option<VmName>,
    pub(super) what: What,
}

impl RouteChange {
    /// What has changed between two views of one route; at most one change of the route, and one of its host route.
    pub(in crate::agent) fn between(
        before: Option<&RouteView>,
        after: Option<&RouteView>,
    ) -> impl Iterator<Item = Self> + use<> {
        let of = after.or(before).map(|any| (any.prefix, any.vm.clone()));
        let change = move |what| of.clone().map(|(prefix, vm)| Self { prefix, vm, what });
        let changes = [host_route(before, after), route(before, after)];
        changes.into_iter().flatten().filter_map(change)
    }
}

fn route(before: Option<&RouteView>, after: Option<&RouteView>) -> Option<What> {
    let stand = |view: &RouteView| (view.state, view.preference);
    if before.map(stand) == after.map(stand) {
        return None;
    }
    Some(What::Route {
        from: before.map(|view| view.state),
        to: after.map(|view| view.state),
        preference_before: before.map(|view| view.preference),
        preference: after.or(before)?.preference,
        error: after.and_then(|view| view.error.clone()),
    })
}

fn host_route(before: Option<&RouteView>, after: Option<&RouteView>) -> Option<What> {
    let view = |route: Option<&RouteView>| route.and_then(|route| route.host_route.clone());
    let (before, after) = (view(before), view(after));
    let stand = |view: &HostRouteView| (view.state, view.error.clone());
    if before.as_ref().map(stand) == after.as_ref().map(stand) {
        return None;
    }
    Some(What::HostRoute {
        from: before.map(|view| view.state),
        to: after.as_ref().map(|view| view.state),
        error: after.and_then(|view| view.error),
    })
}

/// By what an event is summed up where there are too many of its kind; `None`: each is told.
pub(super) fn mass(what: &What) -> Option<(Mass, Option<&'static str>, Option<&'static str>)> {
    match what {
        What::Presence { from, to, .. } => Some((Mass::Presence, from.map(Presence::name), Some(to.name()))),
        What::Route { from, to, .. } => {
            Some((Mass::Route, from.map(RouteState::name), to.map(RouteState::name)))
        }
        What::HostRoute { from, to, .. } => {
            Some((Mass::HostRoute, from.map(HostRouteState::name), to.map(HostRouteState::name)))
        }
        What::Conflict { open: true, .. } => Some((Mass::Conflict, None, Some("open"))),
        What::Conflict { open: false, .. } => Some((Mass::Conflict, Some("open"), None)),
        What::Migration { .. }
        | What::Libvirt { .. }
        | What::Exabgp { .. }
        | What::Neighbor { .. }
        | What::Config { .. }
        | What::Ready { .. }
        | What::Agent { .. }
        | What::Bulk { .. } => None,
    }
}
