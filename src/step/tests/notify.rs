//! The fields of `notify`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{parse, parsed, with};
use crate::notify::{Channel, Failure, Status};
use crate::step::notify::Content;
use crate::step::{Notify, NotifyTarget, SecretKey, Step};

fn notify(fields: &str) -> Result<Notify, String> {
    match parse(&with("notify", fields)) {
        Ok(Step::Notify(notify)) => Ok(*notify),
        Ok(other) => panic!("{other:?}"),
        Err(invalid) => Err(invalid.to_string()),
    }
}

fn key(name: &str, key: &str) -> SecretKey {
    SecretKey { name: name.to_owned(), key: key.to_owned() }
}

#[test]
fn a_service_and_a_secret_are_enough() {
    let plain = notify("").unwrap();
    let (channel, url) = (Channel::Slack, key("slack", "url"));
    let target = NotifyTarget { channel, url, signing_secret: None, token: None, room: None };
    assert_eq!(plain, Notify { target: Some(target), content: Content::default(), ignore_error: false });
    for (fields, channel) in [
        ("to: dingtalk, signing-secret: {name: robot, key: sec}", Channel::DingTalk),
        ("to: wecom", Channel::WeCom),
        ("to: matrix, url: {name: matrix, key: server}, token: matrix, room: '!a:b'", Channel::Matrix),
        ("to: webhook, signing-secret: hook, body: {text: done}", Channel::Webhook),
        ("to: n8n", Channel::N8n),
    ] {
        assert_eq!(notify(fields).unwrap().target.unwrap().channel, channel, "{fields}");
    }
    let signed = notify("to: webhook, signing-secret: hook").unwrap().target.unwrap();
    assert_eq!(signed.signing_secret, Some(key("hook", "secret")));
}

#[test]
fn the_content_is_read() {
    let fields = "status: Failed, title: Nightly, service: shop/api, commit: 9fceb02, commit-url: 'https://git.example/c/1', \
                  change: \"fix\\nmore\", author: Ann, duration: '41.5', facts: {Stage: prod}, failures: broken, \
                  details: \"a\\nb\", link: 'https://argo.example', text: '*own*', ignore-error: 'true'";
    let read = notify(fields).unwrap();
    assert!(read.ignore_error);
    let owned = |text: &str| text.to_owned();
    let expected = Content {
        status: Some(Status::Failed),
        title: owned("Nightly"),
        service: owned("shop/api"),
        commit: owned("9fceb02"),
        commit_url: Some(owned("https://git.example/c/1")),
        change: owned("fix\nmore"),
        author: owned("Ann"),
        duration: Some(Duration::from_millis(41_500)),
        facts: BTreeMap::from([(owned("Stage"), owned("prod"))]),
        failures: vec![Failure { name: String::new(), message: owned("broken") }],
        details: owned("a\nb"),
        link: Some(owned("https://argo.example/")),
        text: Some(owned("*own*")),
        body: None,
    };
    assert_eq!(read.content, expected);
    assert_eq!(notify("duration: 1m30s").unwrap().content.duration, Some(Duration::from_secs(90)));
    let empty = "title: '', service: ' ', link: '', duration: '', facts: {}, failures: 'null', text: ' '";
    let content = notify(empty).unwrap().content;
    assert_eq!(content, Content { service: owned(" "), ..Content::default() });
}

#[test]
fn a_step_that_is_off_needs_no_service() {
    for body in ["notify: {enabled: false}", "notify: {enabled: 'false', to: '', url: ''}"] {
        let Ok(Step::Notify(off)) = parsed(body) else { panic!("{body}") };
        assert_eq!(off.target, None, "{body}");
    }
}

#[test]
fn what_is_no_message_is_refused() {
    for (fields, why) in [
        ("to: ''", "notify.to: is empty"),
        ("to: null", "notify.to: is empty"),
        ("url: null", "notify.url: is empty"),
        ("to: slak", "notify.to: \"slak\" is not one of"),
        ("to: email", "notify.to: \"email\" is not one of"),
        ("url: 'https://hooks.slack.com/services/T0/B0/x'", "notify.url: is not the name of a Secret"),
        (
            "signing-secret: hook",
            "notify.to: is `slack`, and `signing-secret` is used with `dingtalk`, `webhook` and `n8n`",
        ),
        ("token: matrix", "notify.to: is `slack`, and `token` is used with `matrix`"),
        ("room: a", "notify.to: is `slack`, and `room` is used with `matrix`"),
        ("body: {a: b}", "notify.to: is `slack`, and `body` is used with `webhook` and `n8n`"),
        ("to: webhook, text: a", "notify.to: is `webhook`, and `text` is used with chats; write `body`"),
        ("to: matrix, token: matrix", "notify.to: is `matrix`, which needs the field `room`"),
        ("to: matrix, room: a", "notify.to: is `matrix`, which needs the field `token`"),
        ("status: succeeded", "notify.status: \"succeeded\" is not one of"),
        ("link: argo.example", "notify.link: is not an http or https URL"),
        ("link: 'javascript:alert(1)'", "notify.link: is not an http or https URL"),
        ("commit-url: 'https://user:pw@git.example'", "notify.commit-url: is not an http or https URL"),
        ("duration: soon", "notify.duration: is not a duration"),
        ("duration: '-1'", "notify.duration: is not a duration"),
        ("facts: [a]", "notify.facts: expected a map, got a list"),
        ("body: {a: 1}, to: n8n", "notify.body.a: expected a string, got the number 1"),
        ("webhook: a", "notify.webhook: unknown field"),
    ] {
        let said = notify(fields).unwrap_err();
        assert!(said.contains(why), "{fields}: {said}");
    }
}

#[test]
fn outputs_of_earlier_entries_stand_in_any_text() {
    let steps = "steps: [{build: {context: https://git.example/a, tags: a}}, {notify: {to: n8n, url: n8n, \
                 commit: $(build.revision), details: $(build.log-tail), facts: {Digest: $(build.digest)}, \
                 body: {image: $(build.image)}}}]";
    assert!(parsed(steps).is_ok());
    let told = parsed("notify: {to: slack, url: slack, title: $(build.digest)}").unwrap_err().to_string();
    assert!(told.contains("nothing to refer to"), "{told}");
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    a_service_and_a_secret_are_enough,
    the_content_is_read,
    a_step_that_is_off_needs_no_service,
    what_is_no_message_is_refused,
    outputs_of_earlier_entries_stand_in_any_text,
];
