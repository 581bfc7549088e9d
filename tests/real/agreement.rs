//! Whether libvirt, the REST view and the switch tell the same story, and the expected one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::bird::BirdRoute;
use crate::lab::{Lab, Network};
use crate::wait;

/// A rung of the ladder of preferences, by its documented defaults (`prepend_step` 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rung {
    name: &'static str,
    number: u32,
    steps: usize,
    med: u32,
}

pub(crate) const ARRIVED: Rung = Rung { name: "arrived", number: 0, steps: 0, med: 50 };
pub(crate) const ACTIVE: Rung = Rung { name: "active", number: 1, steps: 1, med: 100 };
/// What a last will lowers a route to.
pub(crate) const UNSURE: Rung = Rung { name: "unsure", number: 2, steps: 2, med: 200 };
pub(crate) const STANDBY: Rung = Rung { name: "standby", number: 3, steps: 3, med: 250 };

const PREPEND_STEP: usize = 3;
const MARK: u32 = 82;

/// A route that must be there.
pub(crate) struct Wanted {
    vm: &'static str,
    prefix: &'static str,
    rung: Rung,
    next_hop: NextHop,
    communities: &'static [&'static str],
}

enum NextHop {
    /// The address of the session's own side.
    Own,
    Address(&'static str),
}

/// The IPv4 and IPv6 routes of the VM `web`.
pub(crate) fn web(rung: Rung) -> [Wanted; 2] {
    let wanted = |prefix, next_hop| Wanted { vm: "web", prefix, rung, next_hop, communities: &["65101:10"] };
    [
        wanted("198.51.100.10/32", NextHop::Own),
        wanted("2001:db8:5::10/128", NextHop::Address(Network::NEXT_HOP_V6)),
    ]
}

/// The route of the VM `db`.
pub(crate) fn db(rung: Rung) -> [Wanted; 1] {
    [Wanted { vm: "db", prefix: "198.51.100.20/32", rung, next_hop: NextHop::Own, communities: &[] }]
}

/// The route of the VM `mail`.
pub(crate) fn mail(rung: Rung) -> [Wanted; 1] {
    [Wanted { vm: "mail", prefix: "198.51.100.30/32", rung, next_hop: NextHop::Own, communities: &[] }]
}

/// The prefixes of these routes.
pub(crate) fn prefixes<'a>(routes: impl IntoIterator<Item = &'a Wanted>) -> BTreeSet<String> {
    routes.into_iter().map(|route| route.prefix.to_owned()).collect()
}

impl Lab {
    /// Waits until all four views agree that exactly these routes of ours are there, and the agent is ready.
    pub(crate) fn agrees_on<'a>(&mut self, wanted: impl IntoIterator<Item = &'a [Wanted]>) {
        let wanted: Vec<&Wanted> = wanted.into_iter().flatten().collect();
        let described: Vec<String> = wanted.iter().map(|w| format!("{} {}", w.prefix, w.rung.name)).collect();
        wait::until(&format!("every view shows exactly {described:?}"), || {
            self.exabgp.assert_alive();
            self.switch_has(&wanted)?;
            self.routes_are(&wanted)?;
            self.vms_are_as_libvirt_says(&wanted)?;
            self.is_ready()
        });
    }

    /// The switch has exactly these routes, and the operator's own, untouched.
    pub(crate) fn switch_has(&self, wanted: &[&Wanted]) -> Result<(), String> {
        let mut table = self.bird.table()?;
        for (prefix, expected) in &self.operators {
            let shown = table.remove(prefix);
            same(&format!("the operator's own {prefix}"), &Some(expected), &shown.as_ref())?;
        }
        let expected: BTreeMap<_, _> =
            wanted.iter().map(|w| (w.prefix.to_owned(), self.on_the_switch(w))).collect();
        same("the switch's table", &expected, &table)
    }

    fn on_the_switch(&self, wanted: &Wanted) -> BirdRoute {
        BirdRoute {
            as_path: vec![Network::HOST_AS; 1 + wanted.rung.steps * PREPEND_STEP],
            next_hop: match wanted.next_hop {
                NextHop::Own => self.rest.address.ip().to_string(),
                NextHop::Address(address) => address.to_owned(),
            },
            med: Some(wanted.rung.med),
            local_preference: Some(100),
            communities: wanted.communities.iter().map(|&text| text.to_owned()).collect(),
            large_communities: BTreeSet::from([mark(wanted.rung)]),
        }
    }

    /// `/api/v1/routes` has exactly these routes, all of them announced.
    pub(crate) fn routes_are(&self, wanted: &[&Wanted]) -> Result<(), String> {
        let expected: BTreeSet<String> = wanted
            .iter()
            .map(|w| {
                let next_hop = match w.next_hop {
                    NextHop::Own => "self",
                    NextHop::Address(address) => address,
                };
                let (vm, prefix, rung) = (w.vm, w.prefix, w.rung.name);
                let prepend = w.rung.steps * PREPEND_STEP;
                format!(
                    "{prefix} {vm} {rung} {next_hop} announced prepend {prepend} med {} {}",
                    w.rung.med,
                    mark(w.rung)
                )
            })
            .collect();
        let view = self.rest.json("/api/v1/routes")?;
        let shown = list(&view, "routes")?.iter().map(|route| {
            let text = |key: &str| route[key].as_str().unwrap_or("none").to_owned();
            let (attributes, communities) = (&route["attributes"], &route["attributes"]["large_communities"]);
            let communities: Vec<&str> =
                communities.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!(
                "{} {} {} {} {} prepend {} med {} {}",
                text("prefix"),
                text("vm"),
                text("preference"),
                text("next_hop"),
                text("state"),
                attributes["as_path_prepend"],
                attributes["med"],
                communities.join(" "),
            )
        });
        same("/api/v1/routes", &expected, &shown.collect())
    }

    /// `/api/v1/vms` has every VM of libvirt's with the presence that fits its state.
    fn vms_are_as_libvirt_says(&self, wanted: &[&Wanted]) -> Result<(), String> {
        let view = self.rest.json("/api/v1/vms")?;
        let vms: BTreeMap<&str, &Value> =
            list(&view, "vms")?.iter().filter_map(|vm| Some((vm["name"].as_str()?, vm))).collect();
        for (name, state) in self.libvirtd.states()? {
            let vm = vms.get(name.as_str()).ok_or_else(|| format!("/api/v1/vms lacks {name}: {view}"))?;
            let presence = vm["presence"].as_str().unwrap_or("none");
            let fits: &[&str] = match state.as_str() {
                "running" => &["arrived", "present"],
                "paused" => &["frozen"],
                "shut off" => &["absent"],
                other => return Err(format!("virsh shows {name} as {other}")),
            };
            if !fits.contains(&presence) {
                return Err(format!("{name} is {state}, and {presence} in /api/v1/vms"));
            }
            let has: BTreeSet<&str> = wanted.iter().filter(|w| w.vm == name).map(|w| w.prefix).collect();
            let shown: BTreeSet<&str> = vm["routes"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|route| route["prefix"].as_str())
                .collect();
            same(&format!("the routes of {name} in /api/v1/vms"), &has, &shown)?;
        }
        Ok(())
    }

    /// `/readyz` and `status.ready` both say so.
    pub(crate) fn is_ready(&self) -> Result<(), String> {
        let (readyz, status) = (self.rest.get("/readyz")?, self.rest.json("/api/v1/status")?);
        if readyz.status == 200 && status["ready"] == true {
            Ok(())
        } else {
            Err(format!("not ready: {readyz:?}, status.ready {}", status["ready"]))
        }
    }
}

fn mark(rung: Rung) -> String {
    format!("{}:{MARK}:{}", Network::HOST_AS, rung.number)
}

fn list<'a>(view: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    view[key].as_array().ok_or_else(|| format!("no list {key} in {view}"))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, shown: &T) -> Result<(), String> {
    if expected == shown { Ok(()) } else { Err(format!("{what}:\nexpected {expected:#?}\nshown {shown:#?}")) }
}
