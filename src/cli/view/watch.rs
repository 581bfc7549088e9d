//! `roamd status --watch`: the status, shown again whenever something changes.
//!
//! The agent's event stream says when; where there is none the agent is asked every few seconds. What is shown is always
//! the status itself, never put together from events, so that nothing that is missed stays wrong. Who asks is a task of its
//! own: keys and signals are heard while the agent does not answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::client::{Client, ClientError};
use super::status::{Answers, lines};
use super::terminal::{Screen, keys, width};
use super::text::{Line, Paint, Piece, Tone, fitted};
use super::{Exit, print};
use crate::chain::Chain;

/// How often the agent is asked where nothing is heard from it.
const ASK: Duration = Duration::from_secs(2);

/// How long changes are gathered: a large fleet's lists are not asked for at each of a thousand events.
const GATHER: Duration = Duration::from_millis(200);

/// What the agent answered when it was asked again; the error in words.
type Answer = Result<Answers, String>;

/// Shows the status until q or Ctrl-C; succeeds if the agent was ready then.
pub(super) async fn watch(client: Client) -> Result<Exit, ClientError> {
    // What can't be asked for at all is not watched.
    let mut answers = Answers::ask(&client).await?;
    let mut trouble = None;
    let terminal = ClientError::Terminal;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(terminal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(terminal)?;
    let mut resized = signal(SignalKind::window_change()).map_err(terminal)?;
    let mut keys = keys().map_err(terminal)?;
    let (answered, mut changes) = mpsc::channel(1);
    tokio::spawn(follow(Arc::new(client), answers.generation(), answered));
    let mut screen = Screen::enter().map_err(terminal)?;
    loop {
        show(screen.as_mut(), &answers, trouble.as_deref())?;
        // Cancel-safe: a signal, key or answer that was not taken is there the next time.
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = resized.recv() => {}
            Some(key) = keys.recv() => if matches!(key, b'q' | b'Q') { break },
            Some(answer) = changes.recv() => match answer {
                Ok(newest) => (answers, trouble) = (newest, None),
                Err(error) => trouble = Some(error),
            },
        }
    }
    drop(screen);
    Ok(if trouble.is_none() && answers.is_ready() { Exit::Success } else { Exit::Failure })
}

fn show(screen: Option<&mut Screen>, answers: &Answers, trouble: Option<&str>) -> Result<(), ClientError> {
    let width = width();
    let mut all: Vec<Line> = Vec::new();
    all.extend(trouble.map(|trouble| vec![Piece::new(Tone::Bad, "! "), Piece::plain(trouble)]));
    all.extend(lines(&answers.read()?, width));
    let text = fitted(&all, width, Paint::of_stdout());
    if let Some(screen) = screen {
        return screen.show(&text).map_err(ClientError::Terminal);
    }
    print(&text);
    Ok(())
}

/// Asks the agent whenever it may have changed, and hands on what is new. Ends when nobody takes it any more.
async fn follow(client: Arc<Client>, first: u64, answered: mpsc::Sender<Answer>) {
    let mut shown = Some(first);
    let mut changes = Changes { stream: None, due: Instant::now() };
    loop {
        if changes.stream.is_none() {
            changes.stream = client.events().await;
        }
        changes.next().await;
        let answer = match shown {
            Some(generation) => newer(&client, generation).await,
            None => Answers::ask(&client).await.map(Some),
        };
        let news = match answer {
            Ok(None) => continue,
            Ok(Some(answers)) => {
                shown = Some(answers.generation());
                Ok(answers)
            }
            Err(error) => {
                // It is asked for all of it as soon as it can be: another agent counts from the beginning.
                shown = None;
                changes.stream = None;
                Err(Chain(&error).to_string())
            }
        };
        if answered.send(news).await.is_err() {
            return;
        }
    }
}

/// The answers, where they are others than those of `generation`.
async fn newer(client: &Client, generation: u64) -> Result<Option<Answers>, ClientError> {
    if Answers::current(client).await? == generation {
        Ok(None)
    } else {
        Answers::ask(client).await.map(Some)
    }
}

/// When something may have changed.
struct Changes {
    stream: Option<Body>,
    /// When the agent is asked next.
    due: Instant,
}

impl Changes {
    /// Waits until something may have changed.
    async fn next(&mut self) {
        loop {
            // Cancel-safe: what is read of the stream is only that there is something.
            tokio::select! {
                () = sleep_until(self.due) => break,
                alive = heard(&mut self.stream) => {
                    if !alive {
                        self.stream = None;
                    }
                    self.due = self.due.min(Instant::now() + GATHER);
                }
            }
        }
        self.due = Instant::now() + ASK;
    }
}

/// Waits for the next piece of the stream, for ever where there is none; whether it goes on.
async fn heard(stream: &mut Option<Body>) -> bool {
    let Some(stream) = stream else { return std::future::pending().await };
    let frame = poll_fn(|cx| Pin::new(&mut *stream).poll_frame(cx)).await;
    matches!(frame, Some(Ok(_)))
}
