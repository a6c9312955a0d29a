//! A cache whose list does not fit one answer. The daemon is scripted: a real one with 100,000 records would take hours to fill.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use argo_buildkit::buildkit::{Buildkit, CacheRecord};
use bollard_buildkit_proto::moby::buildkit::v1 as control;
use bollard_buildkit_proto::moby::buildkit::v1::control_server::{Control, ControlServer};
use control::UsageRecord;
use futures_util::stream::{self, Stream};
use regex_lite::Regex;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// buildkitd's limit of a message.
const LARGEST: usize = 16 << 20;

type Reply<T> = Result<Response<T>, Status>;
type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Serves the list of its records, and sessions.
struct Daemon {
    records: Vec<UsageRecord>,
    asked: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl Control for Daemon {
    type PruneStream = Items<UsageRecord>;
    type StatusStream = Items<control::StatusResponse>;
    type SessionStream = Items<control::BytesMessage>;
    type ListenBuildHistoryStream = Items<control::BuildHistoryEvent>;

    async fn disk_usage(
        &self,
        request: Request<control::DiskUsageRequest>,
    ) -> Reply<control::DiskUsageResponse> {
        static PART: LazyLock<Regex> = LazyLock::new(|| Regex::new("^id~=\"(.*)\"$").unwrap());
        self.asked.fetch_add(1, Ordering::Relaxed);
        let filters = request.into_inner().filter;
        let part = filters.first().map(|filter| Regex::new(&PART.captures(filter).unwrap()[1]).unwrap());
        let matches = |record: &&UsageRecord| part.as_ref().is_none_or(|part| part.is_match(&record.id));
        let record: Vec<_> = self.records.iter().filter(matches).cloned().collect();
        let bytes: usize = record.iter().map(|record| record.description.len() + 60).sum();
        if bytes > LARGEST {
            let why = format!("grpc: trying to send message larger than max ({bytes} vs. {LARGEST})");
            return Err(Status::resource_exhausted(why));
        }
        Ok(Response::new(control::DiskUsageResponse { record }))
    }

    async fn session(
        &self,
        _: Request<tonic::Streaming<control::BytesMessage>>,
    ) -> Reply<Self::SessionStream> {
        Ok(Response::new(Box::pin(stream::pending())))
    }

    async fn prune(&self, _: Request<control::PruneRequest>) -> Reply<Self::PruneStream> {
        Err(Status::unimplemented("prune"))
    }

    async fn solve(&self, _: Request<control::SolveRequest>) -> Reply<control::SolveResponse> {
        Err(Status::unimplemented("solve"))
    }

    async fn status(&self, _: Request<control::StatusRequest>) -> Reply<Self::StatusStream> {
        Err(Status::unimplemented("status"))
    }

    async fn list_workers(
        &self,
        _: Request<control::ListWorkersRequest>,
    ) -> Reply<control::ListWorkersResponse> {
        Err(Status::unimplemented("list_workers"))
    }

    async fn info(&self, _: Request<control::InfoRequest>) -> Reply<control::InfoResponse> {
        Err(Status::unimplemented("info"))
    }

    async fn listen_build_history(
        &self,
        _: Request<control::BuildHistoryRequest>,
    ) -> Reply<Self::ListenBuildHistoryStream> {
        Err(Status::unimplemented("listen_build_history"))
    }

    async fn update_build_history(
        &self,
        _: Request<control::UpdateBuildHistoryRequest>,
    ) -> Reply<control::UpdateBuildHistoryResponse> {
        Err(Status::unimplemented("update_build_history"))
    }
}

/// Reads all records of such a daemon. Returns them with the number of missing parts and of requests.
async fn read(records: Vec<UsageRecord>) -> (Vec<CacheRecord>, usize, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let daemon = ControlServer::new(Daemon { records, asked: asked.clone() });
    let server = tonic::transport::Server::builder().add_service(daemon);
    let server = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let client = Buildkit::new(address.parse().unwrap(), None);
    let mut seen = Vec::new();
    let missing = client.cache_records(None, Some("builds"), &mut |record| seen.push(record)).await.unwrap();
    server.abort();
    (seen, missing, asked.load(Ordering::Relaxed))
}

fn record(number: usize, length: usize) -> UsageRecord {
    // Any spread over the first characters will do.
    let first = char::from_digit(u32::try_from(number % 36).unwrap(), 36).unwrap();
    let second = char::from_digit(u32::try_from(number / 36 % 36).unwrap(), 36).unwrap();
    let (id, description) = (format!("{first}{second}{number}"), "x".repeat(length));
    UsageRecord { id, description, size: 1, record_type: "regular".to_owned(), ..UsageRecord::default() }
}

#[tokio::test]
async fn every_record_of_a_large_cache_is_read_once() {
    let (seen, missing, requests) = read((0..100_000).map(|n| record(n, 200)).collect()).await;
    assert_eq!((seen.len(), missing, requests), (100_000, 0, 1 + 37));
}

#[tokio::test]
async fn a_record_that_is_too_large_hides_no_other() {
    let mut records: Vec<_> = (0..1000).map(|n| record(n, 10)).collect();
    records.push(record(1077, 5 << 20));
    records.push(UsageRecord { id: "Odd".to_owned(), ..record(1, 10) });
    let (seen, missing, requests) = read(records).await;
    assert_eq!((seen.len(), missing), (1001, 1));
    assert_eq!(requests, 1 + 3 * 37);
}
