//! A configuration that was read again: all of it takes the place of the one that runs, or nothing.

use std::mem;
use std::sync::Arc;

use tracing::{info, warn};

use super::Agent;
use super::publish::config_status;
use crate::config::{Config, Faults};
use crate::snapshot::What;

/// How many faults an event tells; all of them stand in the status.
const TOLD: usize = 20;

impl Agent {
    /// The configuration was read again.
    pub(super) fn reload(&mut self, read: Result<Box<Config>, Faults>) {
        self.counting.reloaded(read.is_ok());
        match read {
            Ok(config) => self.reconfigure(*config),
            Err(faults) => {
                let errors: Vec<String> = faults.iter().map(ToString::to_string).collect();
                // A storm of reloads with the same fault is said once.
                if self.config_status.errors != errors {
                    warn!(%faults, "the configuration has faults; the running one is kept");
                    self.config_status.errors = errors;
                }
            }
        }
        let errors = told(&self.config_status.errors);
        self.history.happened(What::Config { errors }, self.clock.now());
        self.outputs.service.reloaded();
    }

    /// From now on this configuration holds, but for what takes a restart. Only what it changes is touched.
    fn reconfigure(&mut self, config: Config) {
        let now = self.clock.now();
        let (config, waiting) = config.in_place_of(&self.config);
        let config = Arc::new(config);
        let told = self.mobility.reconfigure(Arc::clone(&config));
        let running = mem::replace(&mut self.config, config);
        self.config_status = config_status(&self.config, self.clock.stamp(now));
        self.config_status.wait_for_restart = waiting.clone();
        if !told.vms.is_empty() {
            self.outputs.service_ips.replace(&self.config);
        }
        let (changed, vms) = (told.vms.len(), self.config.vms.len());
        info!(path = %self.config_status.path, vms, changed, "the configuration is in force");
        for warning in self.config.warnings() {
            warn!(%warning, "something in the configuration has no effect");
        }
        if !waiting.is_empty() {
            let keys = waiting.join(", ");
            warn!(%keys, "these keys take effect with a restart of roamd; until then what runs is kept");
        }
        for vm in &told.vms {
            self.publisher.stale_vm(vm);
            let was = running.vms.get(vm).into_iter().flat_map(|vm| &vm.service_ips);
            for prefix in was {
                self.publisher.stale_prefix(*prefix);
                self.offers.stale(*prefix);
            }
        }
        for uuid in &told.domains {
            self.publisher.stale_domain(*uuid);
        }
        self.let_go(&told.domains, &told.gone, now);
        if self.stopping.is_none() {
            self.plan.want(told.gone, Vec::new());
        }
        self.apply(told.effects, None);
    }
}

/// What an event tells of these faults: thousands of them would be kept, and sent to every client, again and again.
pub(super) fn told(errors: &[String]) -> Vec<String> {
    let mut told: Vec<String> = errors.iter().take(TOLD).cloned().collect();
    if let Some(more) = errors.len().checked_sub(TOLD).filter(|more| *more > 0) {
        told.push(format!("and {more} more"));
    }
    told
}
