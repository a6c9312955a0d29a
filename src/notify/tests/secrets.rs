//! Addresses and signatures.

use secrecy::{ExposeSecret as _, SecretString};

use crate::notify::{Channel, Destination, WebhookAddress, sign};

fn address(text: &str) -> Result<WebhookAddress, &'static str> {
    WebhookAddress::parse(&SecretString::from(text))
}

#[test]
fn an_address_is_a_url_and_only_its_origin_can_be_printed() {
    let secret = "https://hooks.slack.com/services/T0123/B0123/abcDEF123456789xyz";
    let slack = address(&format!("{secret}\n")).unwrap();
    assert_eq!(slack.origin(), "https://hooks.slack.com");
    let destination = Destination {
        channel: Channel::Slack,
        address: slack.clone(),
        signing_secret: Some("SECsecret".into()),
        token: Some("token-1".into()),
        room: None,
    };
    let printed = format!("{destination:?} {slack:?}");
    assert!(printed.contains("https://hooks.slack.com"), "{printed}");
    assert!(
        !["services", "abcDEF", "SECsecret", "token-1"].iter().any(|part| printed.contains(part)),
        "{printed}"
    );
    for (text, why) in [
        ("", "no http or https URL"),
        ("hooks.slack.com/services/T0", "no http or https URL"),
        ("postgres://db.example.com/x", "no http or https URL"),
        ("https://hooks.slack.com/a\nhttps://hooks.slack.com/b", "no http or https URL"),
        ("https://user:hunter22@n8n.example.com/webhook/a", "a URL with a login"),
    ] {
        let said = address(text).unwrap_err();
        assert!(said.contains(why) && !said.contains("hunter22"), "{text}: {said}");
    }
}

#[test]
fn the_secret_parts_of_an_address_are_known_and_its_words_are_not() {
    let parts = |text: &str| -> Vec<String> {
        address(text).unwrap().secret_parts().map(|part| part.expose_secret().to_owned()).collect()
    };
    let slack = "https://hooks.slack.com/services/T01234/B01234/abcDEFghiJKLmnopqr";
    assert_eq!(parts(slack), ["T01234", "B01234", "abcDEFghiJKLmnopqr"]);
    let robot = "https://oapi.dingtalk.com/robot/send?access_token=0a1b2c3d4e";
    assert_eq!(parts(robot), ["0a1b2c3d4e"]);
    assert!(parts("http://n8n.n8n.svc:5678/webhook/builds").is_empty());
    assert!(address("https://matrix.example.com").unwrap().is_origin());
    assert!(!address(slack).unwrap().is_origin() && !address("https://a.example/?k=1").unwrap().is_origin());
}

/// The expected signature was computed with another implementation of HMAC (Python's).
#[test]
fn dingtalk_s_signature_is_in_the_address() {
    let robot = "https://oapi.dingtalk.com/robot/send?access_token=a".parse().unwrap();
    let signed = sign::dingtalk(&robot, &"SEC000\n".into(), 1_577_262_236_757);
    assert_eq!(
        signed.as_str(),
        "https://oapi.dingtalk.com/robot/send?access_token=a&timestamp=1577262236757\
         &sign=0mUoy51oaZiRp9zSbtu3Gh7pbwvH33YBGob4MsxeXA4%3D"
    );
}

/// The example of GitHub's documentation, "Validating webhook deliveries".
#[test]
fn a_webhook_s_signature_is_that_of_github() {
    let header = sign::webhook(b"Hello, World!", &"It's a Secret to Everybody".into());
    assert_eq!(header, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
}
