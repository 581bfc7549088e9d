//! Whatever happens on the way, what ExaBGP holds ends as what is wanted.

use proptest::prelude::*;

use super::*;

/// What may happen between the plan and ExaBGP.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Want(u8, Option<Rung>),
    /// ExaBGP carries out the oldest open step and says so.
    Acknowledge,
    /// It refuses it, or takes only a part of it, for some of the neighbors.
    Refuse {
        partly: bool,
    },
    /// It carries out so many of the open steps, and no word of it comes back.
    Lose(u8),
    /// It is restarted with an empty table.
    Restart,
    SessionUp,
    Pass(u16),
}

/// ExaBGP's table, and the steps that it was sent.
struct World {
    plan: Plan,
    table: BTreeMap<Prefix, Rung>,
    open: Vec<Step>,
    wanted: BTreeMap<Prefix, Rung>,
    now: Instant,
}

impl World {
    fn send(&mut self) -> Result<(), TestCaseError> {
        for step in self.plan.next(self.now) {
            let twice = self.open.iter().any(|open| open.prefix() == step.prefix());
            prop_assert!(!twice, "two open steps for {}", step.prefix());
            self.open.push(step);
        }
        prop_assert!(self.open.len() <= WINDOW);
        Ok(())
    }

    fn carry_out(&mut self, step: &Step) {
        match step {
            Step::Announce(route) => self.table.insert(route.prefix, route.rung),
            Step::Withdraw { prefix, .. } => self.table.remove(prefix),
        };
    }

    fn read_table(&mut self) {
        let found = |(prefix, rung): (&Prefix, &Rung)| {
            let number = prefix.to_string().rsplit(['.', '/']).nth(1).unwrap().parse().unwrap();
            found(number, *rung)
        };
        let table = self.table.iter().map(found).collect();
        self.plan.ready(table, &BTreeMap::new(), self.now);
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Want(number, rung) => {
                let routes = rung.map(|rung| route(number, rung)).into_iter().collect();
                self.plan.want([prefix(number)], routes);
                match rung {
                    Some(rung) => self.wanted.insert(prefix(number), rung),
                    None => self.wanted.remove(&prefix(number)),
                };
            }
            Happening::Acknowledge if !self.open.is_empty() => {
                let step = self.open.remove(0);
                self.carry_out(&step);
                self.plan.settled(step.prefix(), Outcome::Acknowledged, self.now);
            }
            Happening::Refuse { partly } if !self.open.is_empty() => {
                let step = self.open.remove(0);
                if partly {
                    self.carry_out(&step);
                }
                self.plan.settled(step.prefix(), Outcome::Refused("error".to_owned()), self.now);
            }
            Happening::Acknowledge | Happening::Refuse { .. } => {}
            Happening::Lose(carried_out) => {
                for (index, step) in std::mem::take(&mut self.open).iter().enumerate() {
                    if index < usize::from(carried_out) {
                        self.carry_out(step);
                    }
                }
                self.plan.in_doubt();
                self.read_table();
            }
            Happening::Restart => {
                self.open.clear();
                self.table.clear();
                self.plan.in_doubt();
                self.read_table();
            }
            Happening::SessionUp => self.plan.session_up(self.now, None),
            Happening::Pass(millis) => self.now += Duration::from_millis(millis.into()),
        }
    }

    /// Nothing more goes wrong: every step is acknowledged, and time passes.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..100 {
            self.send()?;
            while !self.open.is_empty() {
                self.happens(Happening::Acknowledge);
            }
            self.now += Duration::from_secs(61);
        }
        Ok(())
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    let rung = prop::option::weighted(0.6, prop::sample::select(Rung::ALL.as_slice()));
    prop_oneof![
        8 => (1..5_u8, rung).prop_map(|(number, rung)| Happening::Want(number, rung)),
        8 => Just(Happening::Acknowledge),
        2 => any::<bool>().prop_map(|partly| Happening::Refuse { partly }),
        1 => (0..4_u8).prop_map(Happening::Lose),
        1 => Just(Happening::Restart),
        1 => Just(Happening::SessionUp),
        3 => (0..2_000_u16).prop_map(Happening::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Invariant: what is held becomes what is wanted, and reconciling again sends nothing.
    #[test]
    fn the_table_ends_as_wanted_and_a_second_reconcile_sends_nothing(
        stale in prop::collection::btree_map(1..5_u8, prop::sample::select(Rung::ALL.as_slice()), 0..4),
        happenings in prop::collection::vec(happening(), 0..60),
    ) {
        let mut world = World {
            plan: Plan::new(Some(REPEAT)),
            table: stale.into_iter().map(|(number, rung)| (prefix(number), rung)).collect(),
            open: Vec::new(),
            wanted: BTreeMap::new(),
            now: Instant::now(),
        };
        world.read_table();
        for happening in happenings {
            world.happens(happening);
            world.send()?;
        }
        world.settle()?;
        prop_assert_eq!(&world.table, &world.wanted);
        prop_assert!(world.plan.is_settled());
        world.read_table();
        prop_assert_eq!(world.plan.next(world.now), Vec::new());
        let shown: BTreeMap<Prefix, Rung> = world
            .plan
            .prefixes()
            .filter_map(|prefix| match world.plan.progress(prefix) {
                Some(Progress::Announced(route)) => Some((prefix, route.rung)),
                _ => None,
            })
            .collect();
        prop_assert_eq!(shown, world.wanted);
    }
}
