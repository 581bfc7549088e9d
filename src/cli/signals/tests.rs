use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::*;

/// What reads: its readings are numbered from 1, and each ends when it is let.
struct Reader {
    begun: Arc<AtomicUsize>,
    lets: Sender<()>,
}

fn reader() -> (Reader, impl Fn() -> usize + Clone + Send + 'static) {
    let (begun, (lets, let_go)) = (Arc::new(AtomicUsize::new(0)), channel());
    let let_go: Arc<Mutex<Receiver<()>>> = Arc::new(Mutex::new(let_go));
    let read = {
        let begun = Arc::clone(&begun);
        move || {
            let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
            let alone = let_go.try_lock().expect("one at a time");
            alone.recv().expect("the test lets it");
            number
        }
    };
    (Reader { begun, lets }, read)
}

/// Whatever is ready after others had their turn.
async fn now<T>(end: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        ended = end => Some(ended),
        () = tokio::task::yield_now() => None,
    }
}

#[tokio::test]
async fn what_is_asked_for_while_it_is_read_is_read_once_more_and_only_that_counts() {
    let (reader, read) = reader();
    let mut reading = Reading::new(read);
    assert_eq!(now(reading.end()).await, None, "nothing was asked for");
    reading.ask();
    reading.ask();
    reading.ask();
    assert_eq!(now(reading.end()).await, None, "and giving up the wait gives up nothing");
    reader.lets.send(()).unwrap();
    reader.lets.send(()).unwrap();
    assert_eq!(reading.end().await, Some(2));
    assert_eq!(now(reading.end()).await, None);
    assert_eq!(reader.begun.load(Ordering::SeqCst), 2);

    reading.ask();
    reader.lets.send(()).unwrap();
    assert_eq!(reading.end().await, Some(3), "each that is asked for later is read");
}

#[tokio::test]
async fn a_reading_that_panics_ends_and_the_next_one_is_made() {
    let begun = Arc::new(AtomicUsize::new(0));
    let mut reading = Reading::new({
        let begun = Arc::clone(&begun);
        move || assert!(begun.fetch_add(1, Ordering::SeqCst) > 0, "the first one")
    });
    reading.ask();
    assert_eq!(reading.end().await, None);
    reading.ask();
    assert_eq!(reading.end().await, Some(()));
}
