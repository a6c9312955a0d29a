//! One candidate's part: look, take, renew, give up.

use std::time::Duration;

use backon::ExponentialBackoff;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::place::Place;
use super::problem::Problem;
use super::sight::Sight;
use super::standing::Standing;
use super::{Candidate, Leadership, lookout, record};
use crate::kube::Cluster;
use crate::time_limits::pauses::endless;

/// How often a write that somebody else's overtook is tried again at once.
const TRIES: usize = 3;

pub(super) struct Race {
    place: Place,
    candidate: Candidate,
    standing: Standing,
    /// What our last write made of the lease, if nothing was refused since.
    written: Option<Lease>,
    /// While we lead: until when nobody else can.
    until: Instant,
    /// The API server may have it that the lease is ours.
    ours: bool,
    /// The lease as others hold it.
    sight: Option<Sight>,
}

impl Race {
    pub(super) fn new(cluster: Cluster, candidate: Candidate) -> Self {
        let place = Place { cluster, namespace: candidate.namespace.clone(), name: candidate.name.clone() };
        let standing = Standing::new(place.to_string());
        let until = Instant::now();
        Self { place, candidate, standing, written: None, until, ours: false, sight: None }
    }

    pub(super) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Competes until `stop`, and then gives up what it holds.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let (tell, mut news) = watch::channel(None);
        let lookout = lookout::keep(self.place.clone(), tell);
        tokio::select! {
            never = lookout => match never {},
            () = self.compete(&mut news, &stop) => {}
        }
        if let Err(problem) = self.give_up().await {
            warn!("the next leader must wait until {} expires: {problem}", self.place);
        }
    }

    /// A turn is never cut off, so that no write is on its way when the lease is given up.
    async fn compete(&mut self, news: &mut watch::Receiver<Option<String>>, stop: &CancellationToken) {
        let mut pauses = self.pauses();
        while !stop.is_cancelled() {
            let turn = self.turn().await;
            let went_well = turn.is_ok();
            self.standing.report(turn.err());
            self.lapse();
            let wake = self.wake(went_well, &mut pauses);
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep_until(wake) => {}
                () = self.hear(news) => {}
            }
            self.lapse();
        }
    }

    /// Does what the lease as it stands asks for.
    async fn turn(&mut self) -> Result<(), Problem> {
        for _ in 0..TRIES {
            let found = self.look().await?;
            let holder = found.as_ref().and_then(record::holder);
            if found.is_some() && holder != Some(&self.candidate.identity) {
                let holds = holder.is_some() && Instant::now() < self.expires();
                if holds {
                    self.standing.report(None);
                }
                self.stand_by(holder);
                if holds {
                    return Ok(());
                }
            }
            if self.claim(found).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<Option<Lease>, Problem> {
        if let Some(written) = self.written.take() {
            return Ok(Some(written));
        }
        let found = self.place.get(self.limit()).await?;
        let (now, spec) = (Instant::now(), found.as_ref().and_then(|lease| lease.spec.clone()));
        match (&mut self.sight, spec) {
            (Some(sight), Some(spec)) => sight.look(spec, now),
            (sight, spec) => *sight = spec.map(|spec| Sight::new(spec, now, self.candidate.duration)),
        }
        Ok(found)
    }

    /// Takes or renews the lease; says whether nobody was faster.
    async fn claim(&mut self, found: Option<Lease>) -> Result<bool, Problem> {
        let lease = record::claimed(found, &self.candidate, Timestamp::now());
        // Others begin to count later, when they see it.
        let sent = Instant::now();
        self.ours = true;
        let written = self.place.write(&lease, self.limit()).await?;
        let Some(lease) = written else { return Ok(false) };
        (self.written, self.sight) = (Some(lease), None);
        self.until = sent + self.candidate.duration * 2 / 3;
        // First: whoever hears that we lead finds no problem.
        self.standing.report(None);
        self.standing.tell(Leadership::Leader);
        Ok(true)
    }

    /// For the next leader to take at once what is ours.
    async fn give_up(&mut self) -> Result<(), Problem> {
        let ours = self.ours;
        self.stand_by(None);
        for _ in 0..if ours { TRIES } else { 0 } {
            let found = self.place.get(self.limit()).await?;
            let held = found.filter(|lease| record::holder(lease) == Some(&self.candidate.identity));
            let Some(lease) = held else { return Ok(()) };
            let released = record::released(lease, Timestamp::now());
            if self.place.write(&released, self.limit()).await?.is_some() {
                info!("gave up {}", self.place);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits for news that the lease is not whose we think it is.
    async fn hear(&self, news: &mut watch::Receiver<Option<String>>) {
        while news.changed().await.is_ok() {
            let holder = news.borrow_and_update().clone();
            let known = match self.standing.now() {
                Leadership::Standby { holder } => holder,
                Leadership::Leader | Leadership::Unsure => Some(self.candidate.identity.clone()),
            };
            if holder != known {
                return;
            }
        }
        std::future::pending().await
    }

    /// The time of the next turn. Only a candidate that waits for others waits longer each time.
    fn wake(&self, went_well: bool, pauses: &mut ExponentialBackoff) -> Instant {
        let (now, pace) = (Instant::now(), self.pace());
        let due = match self.standing.now() {
            Leadership::Leader => self.until,
            Leadership::Unsure => now + pace,
            Leadership::Standby { .. } if went_well => self.expires(),
            Leadership::Standby { .. } => return now + pauses.next().unwrap_or(pace),
        };
        *pauses = self.pauses();
        if due > now { due.min(now + pace) } else { now + pace }
    }

    fn pauses(&self) -> ExponentialBackoff {
        endless(self.pace(), self.candidate.duration.max(self.pace()))
    }

    /// Two renewals fit into the time for which we lead.
    fn pace(&self) -> Duration {
        self.candidate.retry.min(self.candidate.duration / 3)
    }

    /// How long a request may take: a leader must know in time that it cannot renew.
    fn limit(&self) -> Duration {
        let limit = self.candidate.duration / 3;
        match self.standing.now() {
            Leadership::Leader => limit.min(self.until.saturating_duration_since(Instant::now())),
            Leadership::Unsure | Leadership::Standby { .. } => limit,
        }
    }

    /// The time at which another's lease expires, as far as it is known.
    fn expires(&self) -> Instant {
        let expires = self.sight.as_ref().map(|sight| sight.expires(self.candidate.duration));
        expires.unwrap_or_else(Instant::now)
    }

    /// Gives up the lead once others may take it.
    fn lapse(&self) {
        if self.standing.now() == Leadership::Leader && Instant::now() >= self.until {
            self.standing.tell(Leadership::Unsure);
        }
    }

    fn stand_by(&mut self, holder: Option<&str>) {
        self.ours = false;
        self.standing.tell(Leadership::Standby { holder: holder.map(str::to_owned) });
    }
}
