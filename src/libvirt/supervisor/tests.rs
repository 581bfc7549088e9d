//! The supervisor on connections that end as a script wants it, asked at any moment.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::libvirt::Request;
use crate::libvirt::error::Libvirt;
use crate::libvirt::tests::follower::{eventually, settings, uuid};
use crate::vm::{RunningReason, VmName, VmState};

/// How a call to libvirt ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Answer,
    /// With an error, on a connection that goes on.
    Fail,
    /// With an error because the connection has ended, which nobody has told yet.
    Lost,
    /// The same, after libvirt has told it.
    ToldLost,
    /// With an answer, after which the connection ends.
    AnswerThenLost,
}

/// A call, with what the agent asks for while it is under way.
#[derive(Debug, Clone)]
struct Call {
    asked_meanwhile: Vec<Request>,
    end: End,
}

/// What happens while no particular call is under way.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Ask(Request),
    /// The connection that stands ends, and libvirt tells it.
    Lose,
    /// Everybody else may go on first.
    Pause,
}

/// The libvirt at the other end: its calls end as scripted, and with an answer when the script is over.
struct Far {
    mailbox: Arc<Mailbox>,
    calls: Mutex<VecDeque<Call>>,
    /// The newest connection.
    line: Mutex<Option<(u64, Arc<AtomicBool>)>>,
    /// Looks that were asked for, and when.
    asked: Mutex<Vec<(Uuid, Instant)>>,
    /// How many looks have failed on a connection that went on.
    failed: AtomicUsize,
}

impl Far {
    fn ask(&self, request: Request) {
        if let Request::Look(uuid) = request {
            self.asked.lock().unwrap().push((uuid, Instant::now()));
        }
        self.mailbox.ask(request);
    }

    fn lose(&self, number: u64, dead: &AtomicBool) {
        dead.store(true, Ordering::SeqCst);
        self.mailbox.lose(number, "told");
    }

    /// Whether a call is answered.
    fn call(&self, number: u64, dead: &AtomicBool) -> bool {
        let call = self.calls.lock().unwrap().pop_front();
        let Call { asked_meanwhile, end } =
            call.unwrap_or(Call { asked_meanwhile: Vec::new(), end: End::Answer });
        for request in asked_meanwhile {
            self.ask(request);
        }
        if dead.load(Ordering::SeqCst) {
            return false;
        }
        match end {
            End::Answer => return true,
            End::Fail => {}
            End::Lost => dead.store(true, Ordering::SeqCst),
            End::ToldLost => self.lose(number, dead),
            End::AnswerThenLost => {
                self.lose(number, dead);
                return true;
            }
        }
        false
    }
}

struct Line {
    far: Arc<Far>,
    number: u64,
    dead: Arc<AtomicBool>,
}

fn refusal() -> Libvirt {
    // Any error does; virt makes one of its own where libvirt has none.
    Libvirt(std::ffi::CString::new("\0").unwrap_err().into())
}

impl Line {
    fn open(far: &Arc<Far>, number: u64) -> Result<Self, ConnectError> {
        let line = Self { far: Arc::clone(far), number, dead: Arc::default() };
        *far.line.lock().unwrap() = Some((number, Arc::clone(&line.dead)));
        if far.call(number, &line.dead) {
            Ok(line)
        } else {
            Err(ConnectError::Open { uri: "scripted".to_owned(), source: refusal() })
        }
    }
}

impl Served for Line {
    fn number(&self) -> u64 {
        self.number
    }

    fn version(&self) -> &'static str {
        "9.0.0"
    }

    fn open_gate(&self) {}

    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    fn list(&self) -> Result<Vec<Sighting>, ListError> {
        let answered = self.far.call(self.number, &self.dead);
        if answered { Ok(Vec::new()) } else { Err(ListError::Stats(refusal())) }
    }

    fn nics(&self, _uuid: Uuid) -> Result<Vec<Nic>, NicsError> {
        if self.far.call(self.number, &self.dead) {
            Ok(Vec::new())
        } else {
            Err(NicsError::Failed(refusal()))
        }
    }

    fn look(&self, uuid: Uuid) -> Result<Sighting, LookError> {
        let answered = self.far.call(self.number, &self.dead);
        let found = Sighting {
            uuid,
            name: VmName::new("vm"),
            state: VmState::Running(RunningReason::Booted),
            role: None,
        };
        if !answered && !self.is_dead() {
            self.far.failed.fetch_add(1, Ordering::SeqCst);
        }
        if answered { Ok(found) } else { Err(LookError::Failed(refusal())) }
    }
}

/// A connection whose looks hang until they are let go, whatever becomes of the rest.
struct Hung<'a> {
    number: u64,
    looking: &'a Sender<()>,
    let_go: &'a Mutex<Receiver<()>>,
}

impl Served for Hung<'_> {
    fn number(&self) -> u64 {
        self.number
    }

    fn version(&self) -> &'static str {
        "9.0.0"
    }

    fn open_gate(&self) {}

    fn is_dead(&self) -> bool {
        false
    }

    fn list(&self) -> Result<Vec<Sighting>, ListError> {
        Ok(Vec::new())
    }

    fn nics(&self, _uuid: Uuid) -> Result<Vec<Nic>, NicsError> {
        Ok(Vec::new())
    }

    fn look(&self, _uuid: Uuid) -> Result<Sighting, LookError> {
        self.looking.send(()).unwrap();
        // Whoever lets go only drops the other end.
        assert!(self.let_go.lock().unwrap().recv().is_err());
        Err(LookError::Gone)
    }
}

#[test]
fn the_end_of_the_connection_is_reported_while_a_look_hangs_on_its_own() {
    let mailbox = Arc::new(Mailbox::default());
    let (sender, receiver) = mpsc::channel(16);
    let receiver = Mutex::new(receiver);
    let ((looking, looks), (letting_go, let_go)) = (channel(), channel());
    let let_go = Mutex::new(let_go);
    let supervisor = Supervisor {
        open: |number| Ok(Hung { number, looking: &looking, let_go: &let_go }),
        settings: settings("scripted"),
        reports: sender,
        mailbox: Arc::clone(&mailbox),
    };
    thread::scope(|scope| {
        // Dropped last first: what hangs is let go, and ends.
        let _stop = Stop(Arc::clone(&mailbox));
        let letting_go = letting_go;
        scope.spawn(|| supervisor.run());
        mailbox.ask(Request::Look(uuid(1)));
        looks.recv().unwrap();
        mailbox.lose(1, "told");
        let disconnected = |report| matches!(report, Ok(Report::Disconnected { .. }));
        eventually("the end is reported", || disconnected(receiver.lock().unwrap().try_recv()));
        drop(letting_go);
    });
}

fn a_request() -> impl Strategy<Value = Request> {
    prop_oneof![4 => (1..4_u128).prop_map(|number| Request::Look(uuid(number))), 1 => Just(Request::List)]
}

fn a_call() -> impl Strategy<Value = Call> {
    let end = prop_oneof![
        3 => Just(End::Answer),
        1 => Just(End::Fail),
        1 => Just(End::Lost),
        1 => Just(End::ToldLost),
        1 => Just(End::AnswerThenLost),
    ];
    (vec(a_request(), 0..3), end).prop_map(|(asked_meanwhile, end)| Call { asked_meanwhile, end })
}

fn a_moment() -> impl Strategy<Value = Moment> {
    prop_oneof![4 => a_request().prop_map(Moment::Ask), 1 => Just(Moment::Lose), 3 => Just(Moment::Pause)]
}

/// Ends the supervisor's threads, also when the test fails while they run.
struct Stop(Arc<Mailbox>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// The looks that nothing has answered which libvirt was asked after them.
fn unanswered(asked: &[(Uuid, Instant)], reports: &[Report]) -> usize {
    let answers = |uuid: Uuid, since: Instant| {
        reports.iter().any(|report| {
            matches!(report, Report::Looked { uuid: of, asked_at, .. } if *of == uuid && *asked_at >= since)
        })
    };
    asked.iter().filter(|(uuid, since)| !answers(*uuid, *since)).count()
}

/// Every report comes on the connection that stands, whose numbers only grow; an answer that was on its way when the end was
/// reported, before the next one stands.
fn assert_in_order(reports: &[Report]) {
    let (mut standing, mut last) = (None, 0);
    for report in reports {
        match report {
            Report::Connected { connection, .. } => {
                assert!(standing.is_none() && *connection > last, "{reports:#?}");
                (standing, last) = (Some(*connection), *connection);
            }
            Report::Disconnected { .. } => standing = None,
            Report::Event { connection, .. }
            | Report::Listed { connection, .. }
            | Report::Devices { connection, .. }
            | Report::Overflowed { connection } => assert_eq!(standing, Some(*connection), "{reports:#?}"),
            Report::Looked { connection, .. } | Report::Nics { connection, .. } => {
                assert_eq!(last, *connection, "{reports:#?}");
            }
        }
    }
}

proptest! {
    // Without shrinking: a look that is lost is found by the end of patience only.
    #![proptest_config(ProptestConfig {
        cases: 200, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default()
    })]

    #[test]
    fn no_look_is_lost_whatever_ends_while_it_waits_or_is_under_way(
        calls in vec(a_call(), 0..12),
        moments in vec(a_moment(), 1..12),
        capacity in 1..4_usize,
    ) {
        let mailbox = Arc::new(Mailbox::default());
        let far = Arc::new(Far {
            mailbox: Arc::clone(&mailbox),
            calls: Mutex::new(calls.into()),
            line: Mutex::default(),
            asked: Mutex::default(),
            failed: AtomicUsize::new(0),
        });
        let (sender, mut receiver) = mpsc::channel(capacity);
        let supervisor = Supervisor {
            open: { let far = Arc::clone(&far); move |number| Line::open(&far, number) },
            settings: Settings { reconnect: Duration::from_millis(1), ..settings("scripted") },
            reports: sender,
            mailbox: Arc::clone(&mailbox),
        };
        let reports = Mutex::new(Vec::new());
        thread::scope(|scope| {
            let _stop = Stop(mailbox);
            scope.spawn(move || supervisor.run());
            scope.spawn(|| while let Some(report) = receiver.blocking_recv() {
                reports.lock().unwrap().push(report);
            });
            for moment in moments {
                match moment {
                    Moment::Ask(request) => far.ask(request),
                    Moment::Lose => if let Some((number, dead)) = &*far.line.lock().unwrap() {
                        far.lose(*number, dead);
                    },
                    Moment::Pause => thread::yield_now(),
                }
            }
            // Whatever is left of the script goes on meanwhile, and asks for more.
            eventually("every look is answered", || {
                let over = far.calls.lock().unwrap().is_empty();
                let unanswered = unanswered(&far.asked.lock().unwrap(), &reports.lock().unwrap());
                if !over && unanswered == 0 {
                    far.ask(Request::List);
                }
                over && unanswered == 0
            });
        });
        let reports = reports.into_inner().unwrap();
        assert_in_order(&reports);
        let failed = |report: &&Report| matches!(report, Report::Looked { answer: Answer::Failed(_), .. });
        // Of these the end of a connection may have come right after.
        assert!(reports.iter().filter(failed).count() <= far.failed.load(Ordering::SeqCst), "{reports:#?}");
    }
}
