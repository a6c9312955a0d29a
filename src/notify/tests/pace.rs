//! How fast a chat gets messages, in a time that the test makes pass.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use super::numbered;
use crate::notify::queue::{ChatQueue, send_waiting};
use crate::notify::{Delivered, Message, NotifyError};

/// When a message was sent, and its texts.
type Sent = (Instant, Vec<String>);

/// A chat that records when it got which messages, and may refuse some.
#[derive(Clone, Default)]
struct Chat {
    got: Arc<Mutex<Vec<Sent>>>,
    refusals: Arc<Mutex<Vec<NotifyError>>>,
}

impl Chat {
    /// Sends `message`, as the caller of a queue does.
    async fn send(&self, queue: &Arc<ChatQueue>, message: Message) -> Result<Delivered, NotifyError> {
        let (delivered, must_start) = queue.push(message);
        if must_start {
            let chat = self.clone();
            let take = move |messages: Vec<Message>| {
                let chat = chat.clone();
                async move { chat.take(&messages) }
            };
            tokio::spawn(send_waiting(Arc::clone(queue), 100, take));
        }
        delivered.await.unwrap()
    }

    fn take(&self, messages: &[Message]) -> Result<(), NotifyError> {
        if let Some(refusal) = self.refusals.lock().unwrap().pop() {
            return Err(refusal);
        }
        let titles = messages.iter().map(|message| message.title.clone()).collect();
        self.got.lock().unwrap().push((Instant::now(), titles));
        Ok(())
    }

    fn got(&self) -> Vec<(Instant, Vec<String>)> {
        self.got.lock().unwrap().clone()
    }

    /// The most messages within any minute.
    fn most_in_a_minute(&self) -> usize {
        let times: Vec<_> = self.got().into_iter().map(|(time, _)| time).collect();
        let after = |from: &Instant| {
            times.iter().filter(|time| *from <= **time && **time < *from + Duration::from_secs(60)).count()
        };
        times.iter().map(after).max().unwrap_or_default()
    }
}

fn limited(pause: Option<u64>) -> NotifyError {
    let pause = pause.map(Duration::from_secs);
    NotifyError::Limited { at: "https://chat.example.com".to_owned(), why: String::new(), pause }
}

#[tokio::test(start_paused = true)]
async fn of_a_hundred_failures_in_a_minute_none_is_lost_and_at_most_twenty_messages_are_sent() {
    let (chat, queue) = (Chat::default(), Arc::new(ChatQueue::new()));
    let sends = (0..100).map(|nth| {
        let (chat, queue) = (&chat, &queue);
        async move {
            sleep(Duration::from_millis(600) * nth).await;
            chat.send(queue, numbered(nth as usize)).await.unwrap()
        }
    });
    let delivered = join_all(sends).await;
    let got = chat.got();
    assert!(got.len() <= 20, "{} messages", got.len());
    let mut named: Vec<_> = got.iter().flat_map(|(_, titles)| titles.clone()).collect();
    named.sort();
    let mut expected: Vec<_> = (0..100).map(|nth| numbered(nth).title).collect();
    expected.sort();
    assert_eq!(named, expected);
    let alone = got.iter().filter(|(_, titles)| titles.len() == 1).count();
    assert_eq!(delivered.iter().filter(|delivered| delivered.together == 1).count(), alone);
}

#[tokio::test(start_paused = true)]
async fn no_minute_has_more_than_twenty_messages_however_long_they_come() {
    let (chat, queue) = (Chat::default(), Arc::new(ChatQueue::new()));
    let sends = (0..1000).map(|nth| {
        let (chat, queue) = (&chat, &queue);
        async move {
            // In bursts, with pauses in which the queue recovers.
            sleep(Duration::from_millis(200) * nth + Duration::from_secs(45) * (nth / 100)).await;
            chat.send(queue, numbered(nth as usize)).await.unwrap()
        }
    });
    assert_eq!(join_all(sends).await.len(), 1000);
    assert!(chat.most_in_a_minute() <= 20, "{}", chat.most_in_a_minute());
    assert!(chat.most_in_a_minute() > 10, "the bursts reach the limit");
    assert_eq!(chat.got().iter().map(|(_, titles)| titles.len()).sum::<usize>(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_message_alone_is_sent_at_once() {
    let (chat, queue, begun) = (Chat::default(), Arc::new(ChatQueue::new()), Instant::now());
    assert_eq!(chat.send(&queue, numbered(1)).await.unwrap(), Delivered { together: 1 });
    assert!(begun.elapsed() < Duration::from_millis(10), "{:?}", begun.elapsed());
    assert!(queue.is_in_use(), "the message is remembered");
    sleep(Duration::from_secs(7)).await;
    assert!(!queue.is_in_use(), "the message is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_takes_no_more_is_waited_for() {
    let (chat, queue, begun) = (Chat::default(), Arc::new(ChatQueue::new()), Instant::now());
    chat.refusals.lock().unwrap().extend([limited(None), limited(Some(5))]);
    let (first, second) = tokio::join!(chat.send(&queue, numbered(1)), async {
        sleep(Duration::from_secs(1)).await;
        chat.send(&queue, numbered(2)).await
    });
    // After 5 s, and after a minute because the second refusal names no time.
    assert_eq!((first.unwrap().together, second.unwrap().together), (2, 2));
    assert_eq!(begun.elapsed().as_secs(), 65);
    // A chat that never takes messages again is given up.
    chat.refusals.lock().unwrap().extend((0..100).map(|_| limited(Some(400))));
    let begun = Instant::now();
    let error = chat.send(&queue, numbered(3)).await.unwrap_err();
    assert!(matches!(error, NotifyError::Limited { .. }), "{error}");
    assert!(begun.elapsed() <= Duration::from_secs(660), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_error_is_told_to_all_and_a_message_that_nobody_waits_for_is_withdrawn() {
    let (chat, queue) = (Chat::default(), Arc::new(ChatQueue::new()));
    let refused = NotifyError::Refused { at: "a".to_owned(), why: "b".to_owned(), mend: "c".to_owned() };
    chat.refusals.lock().unwrap().push(refused.clone());
    assert_eq!(chat.send(&queue, numbered(0)).await, Err(refused));
    for nth in 1..10 {
        chat.send(&queue, numbered(nth)).await.unwrap();
    }
    // It waits, because ten were sent.
    assert!(timeout(Duration::from_secs(1), chat.send(&queue, numbered(10))).await.is_err());
    assert_eq!(chat.send(&queue, numbered(11)).await.unwrap(), Delivered { together: 1 });
    assert_eq!(chat.got().last().unwrap().1, [numbered(11).title]);
}
