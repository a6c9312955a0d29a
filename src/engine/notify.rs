//! `notify`: sends a message to a chat or a webhook.

mod earlier;
mod message;
mod report;

use tracing::{Instrument as _, info_span};

use super::Engine;
use super::context::Cx;
use crate::notify::{Delivered, Destination};
use crate::outcome::{StepError, Success};
use crate::step::notify::FIELD;
use crate::step::{Notify, NotifyTarget};

pub(super) async fn run(engine: &Engine, notify: &Notify, cx: &Cx) -> Result<Success, StepError> {
    let Some(target) = &notify.target else { return Ok(report::off()) };
    let channel = target.channel.name();
    match send(engine, notify, target, cx).await {
        Ok(delivered) => {
            let result = if delivered.together > 1 { "digested" } else { "sent" };
            engine.metrics.notified(channel, result);
            Ok(report::sent(channel, delivered))
        }
        Err(error) => {
            engine.metrics.notified(channel, "failed");
            if notify.ignore_error {
                Ok(report::ignored(channel, &error))
            } else {
                Err(report::failed(error))
            }
        }
    }
}

async fn send(
    engine: &Engine,
    notify: &Notify,
    target: &NotifyTarget,
    cx: &Cx,
) -> Result<Delivered, StepError> {
    let destination = destination(engine, target, cx).await?;
    let origin = destination.address.origin();
    // The Secrets have been read, so their values can be removed from the texts.
    let message = message::of(&notify.content, engine.argo_url.as_deref(), cx);
    cx.now(format!("sending the message to {origin}"));
    let span = info_span!("send", otel.kind = "client", server.address = %origin);
    Ok(engine.notifier.deliver(destination, message).instrument(span).await?)
}

/// Reads the Secrets. The server is known only then, so it is compared with the policy here.
async fn destination(engine: &Engine, target: &NotifyTarget, cx: &Cx) -> Result<Destination, StepError> {
    let (address, wanted) = engine.webhook_address(cx, &target.url).await?;
    let permitted = engine.tenancy.permits_webhook(&cx.workflow.namespace, FIELD, &address.origin());
    permitted.map_err(StepError::user)?;
    let signing_secret = match &target.signing_secret {
        Some(reference) => Some(engine.chat_value(cx, reference, &wanted).await?),
        None => None,
    };
    let token = match &target.token {
        Some(reference) => Some(engine.chat_value(cx, reference, &wanted).await?),
        None => None,
    };
    let (channel, room) = (target.channel, target.room.clone());
    Ok(Destination { channel, address, signing_secret, token, room })
}
