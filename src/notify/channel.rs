//! The services that take messages, and their limits.

/// A service that takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// An incoming webhook of Slack, or of a chat that takes the same messages, such as Mattermost.
    Slack,
    /// A custom robot of DingTalk.
    DingTalk,
    /// A group robot of WeCom.
    WeCom,
    /// A room, through the client API.
    Matrix,
    /// Any server that takes JSON.
    Webhook,
    /// A webhook of n8n: the same request as to [`Channel::Webhook`], with other advice.
    N8n,
}

impl Channel {
    /// The names that a step writes.
    pub const NAMES: [(&'static str, Self); 6] = [
        (Self::Slack.name(), Self::Slack),
        (Self::DingTalk.name(), Self::DingTalk),
        (Self::WeCom.name(), Self::WeCom),
        (Self::Matrix.name(), Self::Matrix),
        (Self::Webhook.name(), Self::Webhook),
        (Self::N8n.name(), Self::N8n),
    ];

    /// The name in a step, and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::DingTalk => "dingtalk",
            Self::WeCom => "wecom",
            Self::Matrix => "matrix",
            Self::Webhook => "webhook",
            Self::N8n => "n8n",
        }
    }

    /// Whether people read the messages, so that there are limits, and several may be sent as one.
    pub fn is_chat(self) -> bool {
        !matches!(self, Self::Webhook | Self::N8n)
    }

    /// Whether a request can be signed.
    pub fn is_signed(self) -> bool {
        matches!(self, Self::DingTalk | Self::Webhook | Self::N8n)
    }

    /// The most messages in a digest: as many as fit with their titles.
    pub(super) fn most_together(self) -> usize {
        match self {
            // 4096 bytes in all.
            Self::WeCom => 25,
            _ => 100,
        }
    }
}
