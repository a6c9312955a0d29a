//! A chat that takes a message and does not answer.

use argo_buildkit::notify::{
    Channel, Destination, Message, Notifier, NotifierOptions, NotifyError, WebhookAddress,
};
use argo_buildkit::outcome::Fault;

use super::{LIMIT, LIMIT_TEXT, names, through_holes};
use crate::support::chat::ChatServer;

fn given_up(error: &NotifyError, host: &str) {
    assert_eq!(error.fault(), Fault::Transient, "{error:?}");
    names(&error.to_string(), host, LIMIT_TEXT);
}

#[tokio::test]
async fn a_chat_that_does_not_answer_is_given_up() {
    let server = ChatServer::start().await;
    let send = async |host: String| {
        let options =
            NotifierOptions { connect_timeout: LIMIT, timeout: LIMIT, ..NotifierOptions::default() };
        let address = WebhookAddress::parse(&format!("http://{host}/services/a").into()).unwrap();
        let (channel, signing_secret, token, room) = (Channel::Slack, None, None, None);
        let destination = Destination { channel, address, signing_secret, token, room };
        Notifier::new(options).unwrap().deliver(destination, Message::default()).await
    };
    through_holes(server.host(), send, given_up).await;
}
