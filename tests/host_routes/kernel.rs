//! roamd's part that owns the kernel's routes, with a test in the place of the agent.

use std::collections::BTreeMap;
use std::path::Path;

use roamd::config::Config;
use roamd::host_routes::{
    Order, Overall, Report, Settings, Stand, StandState, Standing, Want, Wanted, spawn,
};
use roamd::route::Prefix;
use roamd::vm::nic::InterfaceName;
use tokio::sync::mpsc;

use crate::namespace::until;

/// The part, and what it told.
pub(crate) struct Kernel {
    orders: mpsc::UnboundedSender<Order>,
    reports: mpsc::UnboundedReceiver<Report>,
    pub(crate) stands: BTreeMap<Prefix, Stand>,
    pub(crate) overall: Overall,
    pub(crate) cleared: bool,
}

/// A configuration for the namespace of [`crate::namespace::host`]; `host_routes` are more keys of that section.
pub(crate) fn config(host_routes: &str, vms: &str) -> Config {
    let text = format!(
        "exabgp: {{transport: print}}
bgp:
  local_as: 65101
  next_hop_v6: 2001:db8:1::1
  allowed_prefixes: [198.51.0.0/16, '2001:db8:5::/48']
host_routes: {{enabled: true, uplinks: [uplink]{host_routes}}}
vms:
  web: {{service_ips: [198.51.100.10, '2001:db8:5::10']}}
{vms}"
    );
    let path = std::env::temp_dir().join(format!("roamd-host-routes-{}.yaml", std::process::id()));
    std::fs::write(&path, text).expect("it is written");
    let config = load(&path);
    std::fs::remove_file(&path).expect("it is ours");
    config
}

fn load(path: &Path) -> Config {
    Config::load(path).unwrap_or_else(|faults| panic!("{faults}"))
}

impl Kernel {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    pub(crate) fn start_with(host_routes: &str) -> Self {
        let config = config(host_routes, "");
        let settings = Settings::new(config.host_routes.as_ref().expect("they are enabled"), &config);
        let (orders, orders_out) = mpsc::unbounded_channel();
        let (reports_in, reports) = mpsc::unbounded_channel();
        spawn(settings, orders_out, reports_in).expect("there is a thread for it");
        Self { orders, reports, stands: BTreeMap::new(), overall: Overall::default(), cleared: false }
    }

    /// All VMs are known.
    pub(crate) fn complete(&self) {
        self.order(Order::Want { changes: Vec::new(), complete: true });
    }

    pub(crate) fn want(&self, prefix: &str, want: Want) {
        let changes = vec![(prefix.parse().expect("a prefix"), want)];
        self.order(Order::Want { changes, complete: false });
    }

    pub(crate) fn order(&self, order: Order) {
        self.orders.send(order).expect("it runs");
    }

    /// Takes in what was told.
    pub(crate) fn hear(&mut self) {
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Stand(news) => {
                    for (prefix, stand) in news {
                        match stand {
                            Some(stand) => self.stands.insert(prefix, stand),
                            None => self.stands.remove(&prefix),
                        };
                    }
                }
                Report::Overall(overall) => self.overall = overall,
                Report::Cleared => self.cleared = true,
            }
        }
    }

    /// Waits until the address stands so.
    pub(crate) fn until(&mut self, prefix: &str, state: StandState) -> Stand {
        let prefix: Prefix = prefix.parse().expect("a prefix");
        until(&format!("{prefix} is {state:?}"), || {
            self.hear();
            match self.stands.get(&prefix) {
                Some(stand) if stand.state == state => Ok(stand.clone()),
                other => Err(format!("{other:?}; {:?}", self.overall)),
            }
        })
    }

    /// Waits until nothing stands there.
    pub(crate) fn until_nothing(&mut self, prefix: &str) {
        let prefix: Prefix = prefix.parse().expect("a prefix");
        until(&format!("nothing stands for {prefix}"), || {
            self.hear();
            self.stands.get(&prefix).map_or(Ok(()), |stand| Err(format!("{stand:?}")))
        });
    }

    /// Ends it, and leaves the kernel as it is.
    pub(crate) fn end(self) {
        let Self { orders, mut reports, .. } = self;
        drop(orders);
        while reports.blocking_recv().is_some() {}
    }
}

/// A VM behind this tap.
pub(crate) fn here(tap: &str, mac: &str, standing: Standing) -> Want {
    let tap = InterfaceName::new(tap).expect("a name");
    Want::Here(Wanted { tap, mac: mac.parse().expect("an address"), standing })
}
