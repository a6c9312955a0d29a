//! The ids of spans: random, except where the caller knows them.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    /// The ids of the span that this thread makes now.
    static GIVEN: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Makes ids for the spans of this process.
#[derive(Debug, Default)]
pub(super) struct Ids(RandomIdGenerator);

/// Runs `make`. The span that it starts, on this thread, gets these ids. The SDK has no other way to give a span an id.
pub(super) fn with_ids<T>(trace: TraceId, span: SpanId, make: impl FnOnce() -> T) -> T {
    GIVEN.set(Some((trace, span)));
    let made = make();
    GIVEN.set(None);
    made
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        GIVEN.get().map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        GIVEN.get().map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_ids_are_for_one_span() {
        let (ids, trace, span) = (Ids::default(), TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
        let made = with_ids(trace, span, || (ids.new_trace_id(), ids.new_span_id()));
        assert_eq!(made, (trace, span));
        assert!(ids.new_trace_id() != trace && ids.new_span_id() != span);
        assert_ne!(ids.new_span_id(), ids.new_span_id());
    }
}
