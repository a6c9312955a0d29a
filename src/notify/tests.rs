//! The form of each service's messages, their limits, and how answers are read.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod bodies;
mod limits;
mod pace;
mod secrets;

use super::{Failure, Message, Row, Status};

/// A message about a failed workflow.
fn failed() -> Message {
    let commit = Row {
        link: Some("https://git.example.com/c/1".to_owned()),
        ..Row::new("Commit", "9fceb02d0a fix <the> price")
    };
    let message = "step 1 of 2 (`build`): RUN make failed\n   3 | RUN make\nerr: a < b";
    Message {
        id: "0123".to_owned(),
        status: Status::Failed,
        title: "shop/api failed".to_owned(),
        workflow: "builds/shop-api-1".to_owned(),
        rows: vec![commit, Row::new("By", "Ann"), Row::new("Took", "41 s")],
        failures: vec![Failure { name: "build".to_owned(), message: message.to_owned() }],
        link: Some("https://argo.example.com/workflows/builds/shop-api-1".to_owned()),
        ..Message::default()
    }
}

/// The `nth` of several messages.
fn numbered(nth: usize) -> Message {
    Message { title: format!("shop/service-{nth} failed"), id: nth.to_string(), ..failed() }
}
