//! The ids of a workflow in a trace: of the trace, of the workflow's span, and of the span above that.
//!
//! Every process computes the same ids from the same workflow, so the parts of one trace need no coordinator.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What a workflow says about its origin. A user may write anything there; what is not valid is ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceOrigin {
    /// The W3C `traceparent` of the span that caused the workflow.
    pub traceparent: Option<String>,
    /// The id of the hook's delivery that caused the workflow: a UUID, which has as many bytes as a trace id.
    pub delivery: Option<String>,
}

impl TraceOrigin {
    /// The id of the delivery, if it is a UUID, in the usual form.
    pub(super) fn delivery_id(&self) -> Option<String> {
        Some(uuid(self.delivery.as_deref()?)?.hyphenated().to_string())
    }
}

/// The ids of a workflow's span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunIds {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    /// Invalid if there is no span above the workflow's.
    pub(super) parent: SpanId,
}

impl RunIds {
    /// The ids for the workflow `uid`. The trace is that of the `traceparent`; without one, the delivery's id is the
    /// id of the trace; without a delivery, the uid is. The id of the span is a hash of the uid.
    pub(super) fn of(uid: &str, origin: &TraceOrigin) -> Self {
        let digest = Sha256::digest(uid.as_bytes());
        let span = SpanId::from_bytes(first(&digest));
        if let Some(above) = origin.traceparent.as_deref().and_then(parse) {
            return Self { trace: above.trace_id(), span, parent: above.span_id() };
        }
        let delivery = origin.delivery.as_deref().and_then(uuid);
        let id = delivery.or_else(|| uuid(uid)).map(|id| TraceId::from_bytes(id.into_bytes()));
        let trace = id.unwrap_or_else(|| TraceId::from_bytes(first(&digest)));
        Self { trace, span, parent: SpanId::INVALID }
    }

    /// The context in which the workflow's steps are.
    pub(super) fn context(&self) -> SpanContext {
        remote(self.trace, self.span)
    }

    /// The context in which the workflow's own span is, if a span is above it.
    pub(super) fn above(&self) -> Option<SpanContext> {
        Some(remote(self.trace, self.parent)).filter(SpanContext::is_valid)
    }
}

/// Always sampled: whoever sends traces decides what is kept, not the author of a workflow.
fn remote(trace: TraceId, span: SpanId) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default())
}

/// Reads a `traceparent` (W3C Trace Context, "traceparent Header"). A later version may have more fields.
pub(super) fn parse(text: &str) -> Option<SpanContext> {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, span, flags, rest @ ..] = parts.as_slice() else { return None };
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_known = *version != "ff" && (*version != "00" || rest.is_empty());
    if !is_known || !hex(version, 2) || !hex(trace, 32) || !hex(span, 16) || !hex(flags, 2) {
        return None;
    }
    let context = remote(TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    context.is_valid().then_some(context)
}

/// A UUID that is a valid id of a trace: not all zeros.
fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| !id.is_nil())
}

fn first<const N: usize>(digest: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&digest[..N]);
    bytes
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const UID: &str = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
    const DELIVERY: &str = "0af76519-16cd-43dd-8448-eb211c80319c";
    const PARENT: &str = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn ids(uid: &str, traceparent: Option<&str>, delivery: Option<&str>) -> RunIds {
        let [traceparent, delivery] = [traceparent, delivery].map(|text| text.map(str::to_owned));
        RunIds::of(uid, &TraceOrigin { traceparent, delivery })
    }

    #[test]
    fn a_traceparent_comes_before_a_delivery_and_that_before_the_uid() {
        let (none, uid) = (SpanId::INVALID, UID.replace('-', ""));
        let above = SpanId::from_hex("b7ad6b7169203331").unwrap();
        let rows = [
            (None, None, uid.as_str(), none),
            (None, Some(DELIVERY), "0af7651916cd43dd8448eb211c80319c", none),
            (Some(PARENT), Some(DELIVERY), "1af7651916cd43dd8448eb211c80319c", above),
            // What is not valid counts as absent.
            (Some("00-x-y-01"), Some("none"), uid.as_str(), none),
            (None, Some("00000000-0000-0000-0000-000000000000"), uid.as_str(), none),
            (None, Some("+af76519-16cd-43dd-8448-eb211c80319c"), uid.as_str(), none),
        ];
        for (traceparent, delivery, trace, parent) in rows {
            let ids = ids(UID, traceparent, delivery);
            assert_eq!(
                (ids.trace.to_string().as_str(), ids.parent),
                (trace, parent),
                "{traceparent:?} {delivery:?}"
            );
            assert_eq!(ids.span, super::RunIds::of(UID, &TraceOrigin::default()).span, "of the uid alone");
            assert_eq!(ids.above().is_some(), parent != none);
        }
    }

    #[test]
    fn a_workflow_without_a_uuid_still_has_one_trace() {
        for uid in ["", "not-a-uuid"] {
            let ids = ids(uid, None, None);
            assert!(ids.context().is_valid(), "{uid}");
            assert_eq!(ids, super::RunIds::of(uid, &TraceOrigin::default()));
        }
    }

    #[test]
    fn a_traceparent_is_read_as_w3c_writes_it() {
        let (trace, span) = ("1af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for (text, is_valid) in [
            (PARENT.to_owned(), true),
            // The flags do not switch our spans off.
            (format!("00-{trace}-{span}-00"), true),
            (format!("01-{trace}-{span}-01-more"), true),
            (format!("00-{trace}-{span}-01-more"), false),
            (format!("ff-{trace}-{span}-01"), false),
            (format!("00-{}-{span}-01", trace.to_uppercase()), false),
            (format!("00-{}-{span}-01", "0".repeat(32)), false),
            (format!("00-{trace}-{}-01", "0".repeat(16)), false),
            (format!("00-{trace}-{span}"), false),
            (String::new(), false),
        ] {
            let read = parse(&text);
            assert_eq!(read.is_some(), is_valid, "{text}");
            assert!(read.is_none_or(|context| context.is_sampled()), "{text}");
        }
    }
}
