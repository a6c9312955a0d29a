//! Sends the body of a request, and notices when the peer takes no more of it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::{Body, Request};

use crate::time_limits::PeerActivity;

/// The bytes of a body that are handed to the connection at a time. A body that has no more is sent as it is.
const SLICE: usize = 64 << 10;

/// Lets every slice of the request's body count as a sign of life. Without it, a large body would have to be sent within the limit
/// for silence. Such a body cannot be sent twice, so a redirect is not followed.
pub(super) fn metered(mut request: Request, activity: &PeerActivity) -> Request {
    // A stream may be of any length.
    let is_large = |body: &Body| body.as_bytes().is_none_or(|bytes| bytes.len() > SLICE);
    if let Some(body) = request.body_mut().take_if(|body| is_large(body)) {
        let metered = MeteredBody { body, slice: Bytes::new(), activity: activity.clone() };
        *request.body_mut() = Some(Body::wrap(metered));
    }
    request
}

/// A body in slices. The connection asks for the next one when it has written the last.
struct MeteredBody {
    body: Body,
    /// What is left of the last frame.
    slice: Bytes,
    activity: PeerActivity,
}

impl http_body::Body for MeteredBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        self.activity.heard();
        if self.slice.is_empty() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => self.slice = bytes,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                ended => return ended,
            }
        }
        let size = self.slice.len().min(SLICE);
        Poll::Ready(Some(Ok(Frame::data(self.slice.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.slice.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (of_body, slice) = (self.body.size_hint(), self.slice.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(most) = of_body.upper() {
            hint.set_upper(most + slice);
        }
        hint.set_lower(of_body.lower() + slice);
        hint
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_large_body_is_taken_in_slices_and_each_is_a_sign_of_life() {
        let content: Vec<u8> = (0..SLICE * 2 + 7).map(|n| n as u8).collect();
        let client = reqwest::Client::new();
        let request = |body: Vec<u8>| client.put("http://a/").body(body).build().unwrap();
        let activity = PeerActivity::default();
        let small = metered(request(vec![1; SLICE]), &activity);
        assert!(small.body().unwrap().as_bytes().is_some(), "a small body can be sent twice");
        let mut large = metered(request(content.clone()), &activity);
        let mut body = large.body_mut().take().unwrap();
        assert_eq!(body.size_hint().exact(), Some(content.len() as u64));
        let (mut sizes, mut all) = (Vec::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            let before = activity.count();
            let bytes = frame.unwrap().into_data().unwrap();
            sizes.push(bytes.len());
            all.extend_from_slice(&bytes);
            assert!(before >= sizes.len() as u64);
        }
        assert_eq!((sizes, all), (vec![SLICE, SLICE, 7], content));
    }
}
