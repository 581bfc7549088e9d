//! Whatever happens in whatever order: memory is bounded, and no will that is due is ever given up.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Happening {
    Link,
    /// Whether the agent tells for how long it is silent at most.
    Greet(bool),
    Unlink,
    Keep(u32, bool),
    Forget(u32),
    Beat,
    Garbage(Vec<u8>),
    /// ExaBGP reads so much of what waits, and answers each whole line.
    Answer(usize),
    Flood,
    Pass(u16),
    /// The relay is killed, and respawned with what is in its journal.
    Respawn,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        1 => Just(Happening::Link),
        3 => any::<bool>().prop_map(Happening::Greet),
        2 => Just(Happening::Unlink),
        6 => (0_u32..8, any::<bool>()).prop_map(|(number, will)| Happening::Keep(number, will)),
        2 => (0_u32..8).prop_map(Happening::Forget),
        2 => Just(Happening::Beat),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Happening::Garbage),
        6 => (0_usize..400).prop_map(Happening::Answer),
        1 => Just(Happening::Flood),
        4 => (0_u16..40).prop_map(Happening::Pass),
        1 => Just(Happening::Respawn),
    ]
}

/// The relay, and an ExaBGP that holds what it was told.
struct World {
    bench: Bench,
    /// What ExaBGP has read of a line.
    partial: Vec<u8>,
    /// Prefixes whose will ExaBGP was told and has acknowledged since it was kept.
    fallen: BTreeMap<u32, bool>,
    /// End-of-RIB was ordered.
    ended: bool,
}

const CONFIGURATION: &str =
    "neighbor 10.255.0.2 {\n  manual-eor true;\n  family {\n    ipv4 unicast;\n  }\n}\n\n";

impl World {
    fn exabgp_reads(&mut self, length: usize) {
        let waiting = self.bench.relay.to_exabgp();
        let bytes = waiting[..length.min(waiting.len())].to_vec();
        self.bench.relay.wrote_to_exabgp(bytes.len());
        self.partial.extend(bytes);
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let line = String::from_utf8(self.partial.drain(..=end).collect()).unwrap();
            let line = line.trim_end().to_owned();
            for (number, fallen) in &mut self.fallen {
                *fallen |= line == will(*number);
            }
            self.ended |= line.ends_with("announce eor ipv4 unicast");
            match line.as_str() {
                "show neighbor summary" => self.bench.says(SUMMARY),
                "show neighbor configuration" => self.bench.says(CONFIGURATION),
                _ => {}
            }
            self.bench.says("done\n");
        }
    }

    fn happens(&mut self, happening: Happening) {
        let bench = &mut self.bench;
        match happening {
            Happening::Link => bench.relay.linked(),
            Happening::Greet(tells) => bench.greet_with(tells.then_some(link::SILENCE)),
            Happening::Unlink => bench.dies(),
            Happening::Keep(number, with_will) => {
                let open = bench.relay.link == Link::Open;
                match with_will {
                    true if number < 4 => bench.arrived(number),
                    true => bench.keep(number, &[will(number)]),
                    false => bench.keep(number, &[]),
                }
                if open {
                    self.fallen.remove(&number);
                    if with_will {
                        self.fallen.insert(number, false);
                    }
                }
            }
            Happening::Forget(number) => {
                if bench.relay.link == Link::Open {
                    self.fallen.remove(&number);
                }
                bench.send(&ToRelay::Forget(prefix(number)));
            }
            Happening::Beat => bench.beat(),
            Happening::Garbage(bytes) => {
                for side in [Relay::heard, Relay::received] {
                    side(&mut bench.relay, &bytes, bench.now);
                    side(&mut bench.relay, b"\n", bench.now);
                }
                bench.effects();
            }
            Happening::Answer(length) => self.exabgp_reads(length),
            Happening::Flood => bench.says(&format!("{UPDATE}\n{STATE}\n").repeat(2_000)),
            Happening::Pass(seconds) => bench.pass(Duration::from_secs(seconds.into())),
            Happening::Respawn => {
                let text = [Ledger::default().text("41-1000-boot"), bench.journal.clone()].concat();
                let relay = Relay::new(identity(), Ledger::read(&text, "41-1000-boot"), bench.now);
                bench.relay = relay;
                self.partial.clear();
            }
        }
    }
}

proptest! {
    #[test]
    fn memory_is_bounded_and_every_route_falls_when_no_agent_comes_back(
        happenings in proptest::collection::vec(happening(), 0..80),
    ) {
        let mut world = World { bench: Bench::new(), partial: Vec::new(), fallen: BTreeMap::new(), ended: false };
        for happening in happenings {
            world.happens(happening);
            prop_assert!(world.bench.relay.to_agent().len() <= Relay::MAX_TO_AGENT);
            prop_assert!(world.bench.relay.to_exabgp().len() <= Relay::MAX_TO_EXABGP);
        }
        // No agent any more, and an ExaBGP that reads and answers, of which a session has come up.
        world.bench.dies();
        world.bench.says(&format!("{}\n{STATE}\n", STATE.replace(r#""state": "up""#, r#""state": "down""#)));
        world.ended = false;
        for _ in 0..200 {
            world.bench.pass(Duration::from_secs(10));
            world.exabgp_reads(usize::MAX);
        }
        let standing: Vec<&u32> =
            world.fallen.iter().filter(|(_, fallen)| !**fallen).map(|(number, _)| number).collect();
        prop_assert!(standing.is_empty(), "{standing:?} still stand as they were");
        prop_assert_eq!(world.bench.relay.deadline(), None, "there is nothing left to do");
        prop_assert!(world.ended);
        prop_assert_eq!(Stage::ALL.map(|stage| world.bench.relay.ledger().due(stage)), [0, 0]);
    }
}
