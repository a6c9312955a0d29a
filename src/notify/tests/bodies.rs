//! What each service gets.

use std::collections::BTreeMap;
use std::slice::from_ref;

use serde_json::{Value, json};

use super::{failed, numbered};
use crate::notify::{Channel, Failure, Message, Row, Status, encode};

fn body(channel: Channel, messages: &[Message]) -> Value {
    serde_json::from_slice(&encode::body(channel, messages)).unwrap()
}

#[test]
fn slack_gets_blocks() {
    insta::assert_json_snapshot!(body(Channel::Slack, &[failed()]), @r##"
    {
      "blocks": [
        {
          "text": {
            "text": "*<https://argo.example.com/workflows/builds/shop-api-1|❌ shop/api failed>*\n*Commit*: <https://git.example.com/c/1|9fceb02d0a fix &lt;the&gt; price>\n*By*: Ann\n*Took*: 41 s",
            "type": "mrkdwn"
          },
          "type": "section"
        },
        {
          "text": {
            "text": "*build*\n```\nstep 1 of 2 (`build`): RUN make failed\n   3 | RUN make\nerr: a &lt; b\n```",
            "type": "mrkdwn"
          },
          "type": "section"
        }
      ],
      "text": "❌ shop/api failed",
      "unfurl_links": false
    }
    "##);
}

#[test]
fn dingtalk_gets_markdown_with_two_spaces_at_the_end_of_lines() {
    let body = body(Channel::DingTalk, &[failed()]);
    assert_eq!(
        (&body["msgtype"], &body["markdown"]["title"]),
        (&json!("markdown"), &json!("❌ shop/api failed"))
    );
    let text = body["markdown"]["text"].as_str().unwrap().replace("  \n", "..\n");
    insta::assert_snapshot!(text, @r"
    #### [❌ shop/api failed](https://argo.example.com/workflows/builds/shop-api-1)

    - **Commit**: [9fceb02d0a fix < the> price](https://git.example.com/c/1)
    - **By**: Ann
    - **Took**: 41 s

    **build**

    > step 1 of 2 (`build`): RUN make failed..
    >    3 | RUN make..
    > err: a <  b
    ");
}

#[test]
fn wecom_gets_markdown() {
    let body = body(Channel::WeCom, &[failed()]);
    assert_eq!(body["msgtype"], "markdown");
    insta::assert_snapshot!(body["markdown"]["content"].as_str().unwrap(), @r"
    #### [❌ shop/api failed](https://argo.example.com/workflows/builds/shop-api-1)
    - **Commit**: [9fceb02d0a fix < the> price](https://git.example.com/c/1)
    - **By**: Ann
    - **Took**: 41 s

    **build**
    > step 1 of 2 (`build`): RUN make failed
    >    3 | RUN make
    > err: a <  b
    ");
}

#[test]
fn matrix_gets_a_plain_text_and_html() {
    let body = body(Channel::Matrix, &[failed()]);
    assert_eq!((&body["msgtype"], &body["format"]), (&json!("m.text"), &json!("org.matrix.custom.html")));
    assert!(body["body"].as_str().unwrap().contains("> err: a <  b"), "{body}");
    insta::assert_snapshot!(body["formatted_body"].as_str().unwrap(), @r#"
    <h4><a href="https://argo.example.com/workflows/builds/shop-api-1">❌ shop/api failed</a></h4><ul><li><strong>Commit</strong>: <a href="https://git.example.com/c/1">9fceb02d0a fix &lt;the&gt; price</a></li><li><strong>By</strong>: Ann</li><li><strong>Took</strong>: 41 s</li></ul><strong>build</strong><pre><code>step 1 of 2 (`build`): RUN make failed
       3 | RUN make
    err: a &lt; b</code></pre>
    "#);
}

#[test]
fn a_webhook_gets_all_of_it_as_json() {
    insta::assert_json_snapshot!(body(Channel::Webhook, &[failed()]), @r##"
    {
      "details": "",
      "facts": {
        "by": "Ann",
        "commit": "9fceb02d0a fix <the> price",
        "took": "41 s"
      },
      "failures": [
        {
          "message": "step 1 of 2 (`build`): RUN make failed\n   3 | RUN make\nerr: a < b",
          "name": "build"
        }
      ],
      "id": "0123",
      "link": "https://argo.example.com/workflows/builds/shop-api-1",
      "links": {
        "commit": "https://git.example.com/c/1"
      },
      "status": "Failed",
      "title": "shop/api failed",
      "workflow": "builds/shop-api-1"
    }
    "##);
    assert_eq!(body(Channel::N8n, &[failed()]), body(Channel::Webhook, &[failed()]));
    let own = BTreeMap::from([("text".to_owned(), "\"quoted\"\n".to_owned())]);
    let own = Message { body: Some(own), ..failed() };
    assert_eq!(body(Channel::Webhook, &[own]), json!({"text": "\"quoted\"\n"}));
}

#[test]
fn the_author_s_own_text_is_sent_as_it_is() {
    let own = || Message { text: Some("*done* <!here>".to_owned()), ..failed() };
    assert_eq!(body(Channel::Slack, &[own()]), json!({"text": "*done* <!here>", "unfurl_links": false}));
    assert_eq!(body(Channel::DingTalk, &[own()])["markdown"]["text"], "*done* <!here>");
    assert_eq!(body(Channel::WeCom, &[own()])["markdown"]["content"], "*done* <!here>");
    assert_eq!(body(Channel::Matrix, &[own()]), json!({"msgtype": "m.text", "body": "*done* <!here>"}));
}

#[test]
fn a_digest_names_each_message() {
    let succeeded = Message { status: Status::Succeeded, failures: Vec::new(), link: None, ..numbered(3) };
    let messages = [numbered(1), numbered(2), succeeded];
    insta::assert_snapshot!(body(Channel::WeCom, &messages)["markdown"]["content"].as_str().unwrap(), @r"
    #### ❌ 3 messages: 1 succeeded, 2 failed

    - [❌ shop/service-1 failed](https://argo.example.com/workflows/builds/shop-api-1) · step 1 of 2 (`build`): RUN make failed
    - [❌ shop/service-2 failed](https://argo.example.com/workflows/builds/shop-api-1) · step 1 of 2 (`build`): RUN make failed
    - ✅ shop/service-3 failed
    ");
    assert_eq!(body(Channel::Slack, &messages)["text"], "❌ 3 messages: 1 succeeded, 2 failed");
}

/// Whoever writes a commit message or a log does not write to the chat.
#[test]
fn foreign_texts_ping_nobody_and_link_nowhere() {
    let evil = "<!channel> <@all> [click](https://evil.example) ``` *x*";
    let message = Message {
        title: evil.to_owned(),
        rows: vec![Row::new("Commit", evil)],
        failures: vec![Failure { name: evil.to_owned(), message: evil.to_owned() }],
        details: evil.to_owned(),
        ..failed()
    };
    for channel in [Channel::Slack, Channel::DingTalk, Channel::WeCom, Channel::Matrix] {
        let body = body(channel, from_ref(&message));
        let shown = match channel {
            Channel::Slack => body["blocks"].to_string(),
            Channel::Matrix => body["formatted_body"].to_string(),
            _ => body["markdown"].to_string(),
        };
        assert!(!shown.contains("<!channel>") && !shown.contains("<@all>"), "{shown}");
        assert!(channel == Channel::Slack || !shown.contains("<!") && !shown.contains("<@"), "{shown}");
        if channel == Channel::DingTalk || channel == Channel::WeCom {
            assert!(!shown.contains("](https://evil"), "{shown}");
        }
    }
    let text = body(Channel::Slack, &[message])["blocks"][1]["text"]["text"].as_str().unwrap().to_owned();
    assert_eq!(text.matches("```").count(), 2, "a block cannot be left: {text}");
}

#[test]
fn a_link_ends_where_it_ends() {
    let link = "https://argo.example.com/a)b|c\"d>e".to_owned();
    let message = Message { link: Some(link), ..failed() };
    let wecom = body(Channel::WeCom, from_ref(&message));
    let content = wecom["markdown"]["content"].as_str().unwrap();
    assert!(content.contains("](https://argo.example.com/a%29b%7Cc%22d%3Ee)\n"), "{content}");
    let slack = body(Channel::Slack, &[message]).to_string();
    assert!(slack.contains("<https://argo.example.com/a%29b%7Cc%22d%3Ee|"), "{slack}");
}
