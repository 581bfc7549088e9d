//! Whether the model of the fabric is right: recordings of real routers (`recorded`) against what the model does.
//!
//! Each router by itself is told what its real one was told, in that order: it must choose and forward the same, one choice
//! after the other, and tell its neighbors what they heard. The whole fabric is told what hosts said and how their sessions
//! ended and began: whenever the real one came to rest, it must have come to the same, whatever the delays between routers.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::{Clock, MS, Time};
use crate::fabric::Fabric;
use crate::random::Random;
use crate::recorded::{self, Recording, Row, Said, What};
use crate::router::{Message, Path, Router, Speaker};

/// So long without a word: the real fabric has come to rest.
const REST: Time = 300 * MS;

/// Lets a router hear what its real one was told; gives what it tells its neighbors.
fn hear(router: &mut Router, what: &What) -> Vec<Message> {
    match *what {
        What::Told(peer, prefix, path) => router.hear(peer, prefix, path.origin, Some(path)),
        What::Withdrawn(peer, prefix, origin) | What::Swept(peer, prefix, origin) => {
            router.hear(peer, prefix, origin, None)
        }
        What::Again(..) | What::Session(..) | What::Best(..) | What::Forwards(..) => Vec::new(),
    }
}

/// Adds what is not the same as the last one.
fn note<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if list.last() != Some(&one) {
        list.push(one);
    }
}

#[test]
fn each_router_chooses_and_forwards_as_it_was_recorded() {
    for recording in recorded::all() {
        for speaker in recording.routers() {
            for prefix in 0..recording.prefixes.len() {
                let mut router = recording.router(speaker);
                let (mut best, mut ways) = (vec![None], vec![BTreeSet::new()]);
                let (mut real_best, mut real_ways) = (best.clone(), ways.clone());
                for Row { what, .. } in recording.of(speaker) {
                    hear(&mut router, what);
                    note(&mut best, router.best(prefix).map(|(peer, path)| (peer, path.origin)));
                    note(&mut ways, router.next_hops(prefix));
                    match what {
                        What::Best(of, best) if *of == prefix => note(&mut real_best, *best),
                        What::Forwards(of, ways) if *of == prefix => note(&mut real_ways, ways.clone()),
                        _ => {}
                    }
                }
                let about = format!("{}: {speaker:?}: {}", recording.name, recording.prefixes[prefix]);
                assert_eq!(best, real_best, "{about}: best");
                assert_eq!(ways, real_ways, "{about}: forwards");
            }
        }
    }
}

/// What one router told another, in order: a path of a host's, or that there is none any more.
type Words = BTreeMap<(Speaker, Speaker, usize), Vec<(Time, usize, Option<Path>)>>;

#[test]
fn each_router_tells_its_neighbors_what_they_heard() {
    for recording in recorded::all() {
        let (mut said, mut heard) = (Words::new(), Words::new());
        for speaker in recording.routers() {
            let mut router = recording.router(speaker);
            for Row { at, what, .. } in recording.of(speaker) {
                for Message { from, to, prefix, origin, path } in hear(&mut router, what) {
                    said.entry((from, to, prefix)).or_default().push((*at, origin, path));
                }
                match *what {
                    What::Told(Speaker::Host(_), ..) | What::Withdrawn(Speaker::Host(_), ..) => {}
                    What::Told(peer, prefix, path) => {
                        heard.entry((peer, speaker, prefix)).or_default().push((
                            *at,
                            path.origin,
                            Some(path),
                        ));
                    }
                    What::Withdrawn(peer, prefix, origin) => {
                        heard.entry((peer, speaker, prefix)).or_default().push((*at, origin, None));
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(said.keys().collect::<Vec<_>>(), heard.keys().collect::<Vec<_>>(), "{}", recording.name);
        for (way, heard) in heard {
            // Of several changes that it has not sent yet a router sends the last.
            let mut left = said[&way].iter();
            for (at, origin, path) in &heard {
                let found = left.any(|(before, host, said)| before <= at && (host, said) == (origin, path));
                assert!(found, "{}: {way:?}: nobody said {origin} {path:?} before {at}", recording.name);
            }
            // The last word about each host; without RFC 7911 the last one replaces what was said of others.
            let all = recording.rules.all_paths;
            let last = |words: &[(Time, usize, Option<Path>)]| -> BTreeMap<usize, Option<Path>> {
                let from = if all { 0 } else { words.len() - 1 };
                words[from..].iter().map(|(_, origin, path)| (*origin, *path)).collect()
            };
            assert_eq!(last(&said[&way]), last(&heard), "{}: {way:?}", recording.name);
        }
    }
}

/// What a router has of a prefix and from whom, its best neighbor, and those to which it forwards.
type State = (BTreeSet<(Speaker, usize, u32, u32, Option<u32>)>, Option<Speaker>, BTreeSet<Speaker>);

fn shown((peer, path): (Speaker, Path)) -> (Speaker, usize, u32, u32, Option<u32>) {
    (peer, path.origin, path.length, path.med, path.rung)
}

/// What the real routers have, as far as the rows tell.
fn real_states(recording: &Recording, rows: &[Row]) -> BTreeMap<(Speaker, usize), State> {
    let mut states: BTreeMap<(Speaker, usize), State> = BTreeMap::new();
    for Row { router, what, .. } in rows {
        match what {
            What::Told(peer, prefix, path) => {
                let (has, ..) = states.entry((*router, *prefix)).or_default();
                let all = recording.rules.all_paths;
                has.retain(|(from, origin, ..)| from != peer || (all && *origin != path.origin));
                has.insert(shown((*peer, *path)));
            }
            What::Withdrawn(peer, prefix, host) | What::Swept(peer, prefix, host) => {
                let (has, ..) = states.entry((*router, *prefix)).or_default();
                has.retain(|(from, origin, ..)| (from, origin) != (peer, host));
            }
            What::Best(prefix, best) => {
                states.entry((*router, *prefix)).or_default().1 = best.map(|(peer, _)| peer);
            }
            What::Forwards(prefix, ways) => states.entry((*router, *prefix)).or_default().2.clone_from(ways),
            What::Again(..) | What::Session(..) => {}
        }
    }
    states
}

/// The whole fabric, which is told what hosts say.
struct Whole {
    fabric: Fabric,
    clock: Clock<Message>,
    random: Random,
    arrivals: BTreeMap<(Speaker, Speaker), Time>,
    /// Of each host: its switch waits for it; the families of which it has told all.
    waits: BTreeSet<usize>,
    told_all: BTreeMap<usize, usize>,
}

impl Whole {
    fn new(recording: &Recording, seed: u64) -> Self {
        Self {
            fabric: recording.fabric(),
            clock: Clock::new(),
            random: Random::new(seed, 0),
            arrivals: BTreeMap::new(),
            waits: BTreeSet::new(),
            told_all: BTreeMap::new(),
        }
    }

    fn spread(&mut self, now: Time, messages: Vec<Message>) {
        for message in messages {
            let delay = self.random.delay(MS, 40 * MS);
            let last = self.arrivals.entry((message.from, message.to)).or_default();
            *last = (now + delay).max(*last);
            self.clock.at(*last, message);
        }
    }

    /// Lets happen what is due until then.
    fn until(&mut self, end: Time) {
        while self.clock.next_at().is_some_and(|at| at <= end) {
            let message = self.clock.next().unwrap();
            let messages = self.fabric.hear(message);
            self.spread(self.clock.now(), messages);
        }
    }

    /// What a host said to its switch, or what became of their session.
    fn hear(&mut self, recording: &Recording, Row { at, router, what }: &Row) {
        let messages = match *what {
            What::Told(from @ Speaker::Host(_), prefix, path) => {
                self.fabric.hear(Message { from, to: *router, prefix, origin: path.origin, path: Some(path) })
            }
            What::Again(from @ Speaker::Host(origin), prefix) => {
                let path = self.fabric.heard_of(origin, prefix);
                assert!(path.is_some(), "{}: {origin} says again what is not there", recording.name);
                self.fabric.hear(Message { from, to: *router, prefix, origin, path })
            }
            What::Withdrawn(from @ Speaker::Host(_), prefix, origin) => {
                self.fabric.hear(Message { from, to: *router, prefix, origin, path: None })
            }
            What::Session(Speaker::Host(host), said) => self.session(recording, host, said),
            // What other routers say, and what the switch itself drops, the model has to find out.
            _ => Vec::new(),
        };
        self.spread(*at, messages);
    }

    fn session(&mut self, recording: &Recording, host: usize, said: Said) -> Vec<Message> {
        match said {
            Said::Begins => {
                self.told_all.remove(&host);
                Vec::new()
            }
            Said::IsWaitedFor => {
                self.waits.insert(host);
                self.fabric.session_ended(host, true)
            }
            Said::Ends if self.waits.remove(&host) => Vec::new(),
            Said::Ends => self.fabric.session_ended(host, false),
            Said::IsWaitedForNoLonger => self.fabric.flush_stale(host, |_| true),
            Said::HasToldAll => {
                // Of IPv4 first.
                let families = self.told_all.entry(host).or_default();
                let ipv6 = *families % 2 == 1;
                *families += 1;
                self.fabric.flush_stale(host, |prefix| recording.prefixes[prefix].contains(':') == ipv6)
            }
        }
    }

    fn states(&self, recording: &Recording) -> BTreeMap<(Speaker, usize), State> {
        let mut states = BTreeMap::new();
        for speaker in recording.routers() {
            let router = self.fabric.router(speaker);
            for prefix in 0..recording.prefixes.len() {
                let best = router.best(prefix).map(|(peer, _)| peer);
                let state = (router.has(prefix).map(shown).collect(), best, router.next_hops(prefix));
                if state != State::default() {
                    states.insert((speaker, prefix), state);
                }
            }
        }
        states
    }
}

#[test]
fn the_fabric_comes_to_rest_as_it_was_recorded_whatever_the_delays() {
    let mut rests = 0;
    for recording in recorded::all() {
        for seed in 0..8 {
            let mut whole = Whole::new(&recording, seed);
            for (number, row) in recording.rows.iter().enumerate() {
                whole.until(row.at);
                whole.hear(&recording, row);
                if recording.rows.get(number + 1).is_some_and(|next| next.at < row.at + REST) {
                    continue;
                }
                whole.until(row.at + REST);
                let mut real = real_states(&recording, &recording.rows[..=number]);
                real.retain(|_, state| *state != State::default());
                let model = whole.states(&recording);
                assert_eq!(model, real, "{}: at rest after {} us, seed {seed}", recording.name, row.at);
                rests += 1;
            }
        }
    }
    println!("{rests} times at rest");
}
