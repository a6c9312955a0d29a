//! The sizes that the services take.

use serde_json::Value;

use super::{failed, numbered};
use crate::notify::{Channel, Failure, Message, Row, encode};

fn sent(channel: Channel, messages: &[Message]) -> (usize, Value) {
    let bytes = encode::body(channel, messages);
    (bytes.len(), serde_json::from_slice(&bytes).unwrap())
}

/// A message with everything too long, of characters with several bytes and of some that JSON escapes.
fn long() -> Message {
    let text = "é\"\n".repeat(20_000);
    let failure = Failure { name: text.clone(), message: text.clone() };
    Message {
        title: text.clone(),
        rows: (0..30).map(|_| Row::new("Label", text.clone())).collect(),
        failures: vec![failure; 12],
        details: text,
        ..failed()
    }
}

#[test]
fn a_long_message_is_cut_to_what_each_service_takes() {
    for message in [long(), Message { text: Some("é\"\n".repeat(20_000)), ..failed() }] {
        let messages = [message];
        let (bytes, dingtalk) = sent(Channel::DingTalk, &messages);
        assert!(bytes <= 20_000, "{bytes}");
        assert!(dingtalk["markdown"]["text"].as_str().unwrap().contains('…'), "{dingtalk}");
        let (_, wecom) = sent(Channel::WeCom, &messages);
        let content = wecom["markdown"]["content"].as_str().unwrap();
        assert!(content.len() <= 4096, "{}", content.len());
        assert!(content.contains('…'), "{content}");
        let (bytes, _) = sent(Channel::Matrix, &messages);
        assert!(bytes <= 65_536 - 2000, "{bytes}");
        let (_, slack) = sent(Channel::Slack, &messages);
        let blocks = slack["blocks"].as_array().cloned().unwrap_or_default();
        assert!(blocks.len() <= 50, "{}", blocks.len());
        for block in blocks {
            let text = block["text"]["text"].as_str().unwrap();
            assert!((1..=3000).contains(&text.len()), "{text}");
        }
        assert!(slack["text"].as_str().unwrap().len() <= 20_000);
    }
}

#[test]
fn a_text_that_is_cut_says_so_and_one_that_fits_is_whole() {
    let text = |length: usize| Message { text: Some("é".repeat(length)), ..failed() };
    let content = |length| {
        let (_, body) = sent(Channel::WeCom, &[text(length)]);
        body["markdown"]["content"].as_str().unwrap().to_owned()
    };
    assert_eq!(content(2048), "é".repeat(2048));
    let cut = content(2049);
    assert!(cut.ends_with("é\n… (cut: the message was too long)") && cut.len() <= 4096, "{cut}");
}

#[test]
fn of_long_details_the_end_is_sent() {
    let details = (0..5000).map(|line| format!("line {line}\n")).collect();
    let (_, body) = sent(Channel::WeCom, &[Message { details, failures: Vec::new(), ..failed() }]);
    let content = body["markdown"]["content"].as_str().unwrap();
    assert!(content.ends_with("> line 4999") && content.contains("> …\n> line 4"), "{content}");
}

/// Whatever the titles are, a digest of as many as are sent together has all of them.
#[test]
fn a_full_digest_names_each_message() {
    for channel in [Channel::Slack, Channel::DingTalk, Channel::WeCom, Channel::Matrix] {
        let messages: Vec<_> = (0..channel.most_together()).map(numbered).collect();
        let (bytes, body) = sent(channel, &messages);
        let text = body.to_string();
        for message in &messages {
            assert!(text.contains(&message.title), "{channel:?} lacks {}", message.title);
        }
        assert!(bytes <= 65_536, "{channel:?}: {bytes}");
        let (bytes, body) = sent(channel, &vec![long(); channel.most_together()]);
        assert!(channel != Channel::DingTalk || bytes <= 20_000, "{bytes}");
        let marks = match channel {
            Channel::Matrix => body["formatted_body"].to_string().matches("❌").count(),
            _ => body.to_string().matches("❌").count(),
        };
        // With that of the count, which is in two places of some.
        assert!(marks > channel.most_together(), "{channel:?}: {marks}");
    }
}
