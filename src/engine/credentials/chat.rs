//! Reads the Secrets of a message: the address of a chat or a webhook, and what a request to it is signed with.

use secrecy::SecretString;

use super::{MAX_LOGIN, remembered};
use crate::engine::Engine;
use crate::engine::binding::{Server, Use, Wanted};
use crate::engine::context::Cx;
use crate::notify::WebhookAddress;
use crate::outcome::StepError;
use crate::step::SecretKey;

impl Engine {
    /// The address of a webhook under `reference`, if the Secret may be sent to the server that it names. The second value is that
    /// use, for the other Secrets of the request.
    pub(in crate::engine) async fn webhook_address(
        &self,
        cx: &Cx,
        reference: &SecretKey,
    ) -> Result<(WebhookAddress, Wanted), StepError> {
        let secret = self.secret(cx, &reference.name).await?;
        let found = secret.short_key(&reference.key, MAX_LOGIN);
        let server = found.as_ref().ok().and_then(|value| {
            let address = WebhookAddress::parse(value).ok()?;
            Server::at(&address.origin()).ok()
        });
        let wanted = Wanted { purpose: Use::Chat, server };
        // The use is checked first: an error about the value would tell something of a Secret that is for something else.
        self.secret_rules.admit(&cx.workflow.namespace, &secret, &wanted)?;
        let value = found?;
        let address = WebhookAddress::parse(&value).map_err(|why| {
            StepError::user(format!("secret `{}`, key `{}`: {why}", reference.name, reference.key))
        })?;
        // The origin alone stands in messages.
        if !address.is_origin() {
            cx.redactor.remember(&value);
        }
        address.secret_parts().for_each(|part| cx.redactor.remember(&part));
        Ok((address, wanted))
    }

    /// The text that `reference` names, for a request to the server of `wanted`.
    pub(in crate::engine) async fn chat_value(
        &self,
        cx: &Cx,
        reference: &SecretKey,
        wanted: &Wanted,
    ) -> Result<SecretString, StepError> {
        let secret = self.secret_for(cx, &reference.name, wanted).await?;
        Ok(remembered(secret.short_key(&reference.key, MAX_LOGIN)?, &cx.redactor))
    }
}
