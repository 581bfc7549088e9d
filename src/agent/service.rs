//! What the service manager hears of the agent.

use super::Agent;

impl Agent {
    /// A start has ended when it is known what runs here and what ExaBGP holds. Whether a BGP session is up is not waited for: a
    /// switch that is down must not hold up the host.
    pub(super) fn follow_up_service(&mut self) {
        let is_up = self.mobility.is_listed() && self.health.exabgp.connected;
        if is_up && self.outputs.service.is_awaited() {
            self.outputs.service.ready();
        }
        if self.outputs.service.is_due() {
            if self.outputs.service.is_urgent() {
                // What is told is what is shown.
                self.publish();
            }
            let outputs = &mut self.outputs;
            outputs.service.tell(&outputs.snapshots.borrow());
        }
    }
}
