//! A reply that comes later wakes whoever waits for it, whoever that is by then.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use async_and_io_uring::{Unanswered, block_on, channel, first};

/// How long the tests wait for something that has to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says when the future inside has been asked for the first time, and was not ready.
struct Watched<F>(F, Option<mpsc::Sender<()>>);

impl<F: Future + Unpin> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let answer = Pin::new(&mut self.0).poll(context);
        if let (Poll::Pending, Some(asked)) = (&answer, self.1.take()) {
            asked.send(()).unwrap();
        }
        answer
    }
}

/// Runs a future on a thread of its own, and does `then` when it waits. What it has come to; a future that is never woken
/// is a failure, and not a test that hangs.
fn waits<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static, then: impl FnOnce()) -> T {
    let ((asked, is_asked), (output, outputs)) = (mpsc::channel(), mpsc::channel());
    thread::spawn(move || output.send(block_on(Watched(Box::pin(future), Some(asked)))));
    is_asked.recv_timeout(PATIENCE).expect("it is asked, and is not ready");
    then();
    outputs.recv_timeout(PATIENCE).expect("it is woken")
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_reply_that_is_there_needs_no_waker() {
    let (sender, receiver) = channel();
    sender.send("yes");
    assert_eq!(block_on(receiver), Ok("yes"));
}

#[test]
fn a_reply_that_comes_later_wakes_whoever_waits() {
    let (sender, receiver) = channel();
    assert_eq!(waits(receiver, || sender.send("yes")), Ok("yes"));
}

#[test]
fn who_will_not_be_answered_is_woken_too() {
    let (sender, receiver) = channel::<()>();
    assert_eq!(waits(receiver, || drop(sender)), Err(Unanswered));
}

#[test]
fn the_one_who_asked_last_is_woken_once() {
    let (sender, receiver) = channel();
    let mut receiver = pin!(receiver);
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    for count in &counts {
        let waker = Waker::from(Arc::clone(count));
        assert_eq!(receiver.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending);
    }
    sender.send("yes");
    assert_eq!(counts.map(|count| count.0.load(Ordering::Relaxed)), [0, 1]);
}

#[test]
fn the_first_of_two_replies_is_enough() {
    let ((one, first_reply), (other, second_reply)) = (channel(), channel());
    assert_eq!(waits(first(first_reply, second_reply), || other.send("the other")), Ok("the other"));
    drop(one);

    let ((one, first_reply), (other, second_reply)) = (channel(), channel());
    assert_eq!(waits(first(first_reply, second_reply), || one.send("the one")), Ok("the one"));
    drop(other);
}
