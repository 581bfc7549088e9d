use super::*;

fn prefix() -> Prefix {
    "198.51.100.10".parse().unwrap()
}

fn peer(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn path(rung: Option<Rung>) -> Path {
    Path { rung, marked_by: rung.map(|_| 65_102), next_hop: Some(peer(1)) }
}

/// Judges now, and when a suspect has stood for long enough.
fn judge(offers: &mut Offers, rung: Option<Rung>) -> Vec<Change> {
    let (clock, now) = (Clock::new(Box::new(crate::agent::Reading::of_the_system)), Instant::now());
    let mut at = |now| offers.judge_one(prefix(), (&VmName::new("web"), rung), &clock, now);
    let mut changes = at(now);
    changes.extend(at(now + PATIENCE));
    changes
}

fn began(changes: &[Change]) -> Vec<IpAddr> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Began(view) => Some(view.neighbor),
            Change::Ended(_) => None,
        })
        .collect()
}

fn ended(changes: &[Change]) -> Vec<IpAddr> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Ended(view) => Some(view.neighbor),
            Change::Began(_) => None,
        })
        .collect()
}

#[test]
fn only_a_settled_vm_and_a_path_that_claims_it_are_a_conflict() {
    let rungs = [
        None,
        Some(Rung::Arrived),
        Some(Rung::Active),
        Some(Rung::Unsure),
        Some(Rung::Standby),
        Some(Rung::Leaving),
    ];
    for own in rungs {
        for theirs in rungs {
            let mut offers = Offers::default();
            offers.offered(peer(1), prefix(), Some(path(theirs)));
            let expected =
                own == Some(Rung::Active) && !matches!(theirs, Some(Rung::Standby | Rung::Leaving));
            assert_eq!(!judge(&mut offers, own).is_empty(), expected, "{own:?} here, {theirs:?} there");
        }
    }
}

#[test]
fn a_conflict_is_told_once_counted_and_ends_with_the_path() {
    let mut offers = Offers::default();
    offers.offered(peer(1), prefix(), Some(path(Some(Rung::Active))));
    assert_eq!(began(&judge(&mut offers, Some(Rung::Active))), [peer(1)]);
    assert_eq!(judge(&mut offers, Some(Rung::Active)), []);
    offers.offered(peer(2), prefix(), Some(path(None)));
    assert_eq!(began(&judge(&mut offers, Some(Rung::Active))), [peer(2)]);
    let view = offers.view();
    assert_eq!((view.total, view.open.len()), (2, 2));
    assert_eq!((view.open[0].preference, view.open[0].marked_by), (Some(Rung::Active), Some(65_102)));
    assert_eq!((view.open[1].preference, view.open[1].marked_by), (None, None));

    offers.offered(peer(1), prefix(), None);
    assert_eq!(ended(&judge(&mut offers, Some(Rung::Active))), [peer(1)]);
    offers.down(peer(2));
    assert_eq!(ended(&judge(&mut offers, Some(Rung::Active))), [peer(2)]);
    assert_eq!(offers.view(), Conflicts { total: 2, open: Vec::new() });
    assert!(offers.paths.is_empty() && offers.suspects.is_empty());
}

#[test]
fn a_conflict_begins_when_the_vm_has_settled_and_ends_when_it_leaves() {
    let mut offers = Offers::default();
    offers.offered(peer(1), prefix(), Some(path(Some(Rung::Unsure))));
    assert_eq!(judge(&mut offers, Some(Rung::Arrived)), []);
    assert_eq!(began(&judge(&mut offers, Some(Rung::Active))), [peer(1)]);
    assert_eq!(ended(&judge(&mut offers, Some(Rung::Leaving))), [peer(1)]);
    assert_eq!(began(&judge(&mut offers, Some(Rung::Active))), [peer(1)], "it is still offered");
}

#[test]
fn a_path_that_changes_its_rung_changes_the_conflict() {
    let mut offers = Offers::default();
    offers.offered(peer(1), prefix(), Some(path(Some(Rung::Active))));
    judge(&mut offers, Some(Rung::Active));
    offers.offered(peer(1), prefix(), Some(path(Some(Rung::Unsure))));
    assert_eq!(judge(&mut offers, Some(Rung::Active)), []);
    assert_eq!(offers.view().open[0].preference, Some(Rung::Unsure));
    offers.offered(peer(1), prefix(), Some(path(Some(Rung::Leaving))));
    assert_eq!(ended(&judge(&mut offers, Some(Rung::Active))), [peer(1)]);
}

#[test]
fn what_may_have_been_taken_back_unseen_is_forgotten() {
    let mut offers = Offers::default();
    offers.offered(peer(1), prefix(), Some(path(Some(Rung::Active))));
    judge(&mut offers, Some(Rung::Active));
    offers.stale.clear();
    offers.forget();
    assert_eq!(offers.stale, [prefix()].into());
    assert_eq!(ended(&judge(&mut offers, Some(Rung::Active))), [peer(1)]);
}

#[test]
fn a_path_that_goes_soon_was_no_conflict() {
    let (mut offers, clock, now) =
        (Offers::default(), Clock::new(Box::new(crate::agent::Reading::of_the_system)), Instant::now());
    let at = |offers: &mut Offers, ms| {
        let web = VmName::new("web");
        offers.judge_one(prefix(), (&web, Some(Rung::Active)), &clock, now + Duration::from_millis(ms))
    };
    offers.offered(peer(1), prefix(), Some(path(Some(Rung::Arrived))));
    assert_eq!(at(&mut offers, 0), []);
    assert_eq!(offers.deadline(), Some(now + PATIENCE));
    assert_eq!(at(&mut offers, 4_999), []);
    offers.offered(peer(1), prefix(), None);
    assert_eq!(at(&mut offers, 4_999), []);
    // It begins anew.
    offers.offered(peer(1), prefix(), Some(path(Some(Rung::Arrived))));
    assert_eq!(at(&mut offers, 5_000), []);
    assert_eq!(at(&mut offers, 9_999), []);
    assert_eq!(began(&at(&mut offers, 10_000)), [peer(1)]);
}

#[test]
fn a_conflict_ends_with_its_vm_and_leaves_no_path_behind_for_its_return() {
    let mut offers = Offers::default();
    offers.offered(peer(1), prefix(), Some(path(Some(Rung::Active))));
    assert_eq!(began(&judge(&mut offers, Some(Rung::Active))), [peer(1)]);
    // The configuration has no VM any more.
    let config = crate::snapshot::sample::config([]);
    let mobility = Mobility::new(config.into(), Instant::now());
    offers.stale(prefix());
    assert_eq!(
        ended(&offers.judge(
            &mobility,
            &Clock::new(Box::new(crate::agent::Reading::of_the_system)),
            Instant::now()
        )),
        [peer(1)]
    );
    assert_eq!(offers.view().open, []);
    assert_eq!(judge(&mut offers, Some(Rung::Active)), []);
}
