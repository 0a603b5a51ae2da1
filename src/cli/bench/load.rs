//! The load: requests are due at fixed instants, whether earlier ones were answered or not, and latency counts from there.

use super::client::{Answer, Connection, bearer};
use super::crowd::Crowd;
use super::meter::{instant, processor_time, resident_bytes};
use super::taken::{Arrival, Second, Taken, at_ms, count, latencies};
use crate::base::clock::{Clock, SystemClock};
use crate::base::time::Timestamp;
use chrono::{SecondsFormat, TimeDelta};
use hyper::Method;
use hyper::header::HeaderValue;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// The clock that lets requests go looks this often what is due.
const LOOK_EVERY: Duration = Duration::from_micros(250);
/// How long answers are waited for after the last request was due.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// How requests come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// At fixed instants, so many a second.
    Fixed(f64),
    /// The next when the last one is answered, on every connection: as much as there can be.
    Full,
    /// Every phone once, each when the last one is answered.
    Once,
}

/// What is sent where.
#[derive(Debug, Clone)]
pub struct Offer {
    pub address: SocketAddr,
    pub path: String,
    pub pace: Pace,
    pub lasts: Duration,
    /// Fixes of one request.
    pub batch: usize,
    pub connections: usize,
    /// The process whose memory and processor time are watched.
    pub pid: Option<u32>,
    /// Requests answered so far, for whoever shows it.
    pub progress: Arc<AtomicU64>,
}

/// A request that is due.
struct Due {
    number: u64,
    /// How late the generator itself was with it.
    late: Duration,
}

struct Run {
    offer: Offer,
    crowd: Arc<Crowd>,
    bearers: Vec<HeaderValue>,
    begun: Instant,
    begun_at: Timestamp,
    taken: Mutex<Taken>,
    /// Answered in the second under way.
    second: Mutex<(hdrhistogram::Histogram<u64>, u64)>,
}

/// Offers the load on a thread of its own and counts what comes of it.
///
/// # Errors
/// No connection at all, or no thread.
pub async fn offer(offer: Offer, crowd: Arc<Crowd>) -> Result<Taken, String> {
    let (done, waiting) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("load".into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let taken = match runtime {
                Ok(runtime) => runtime.block_on(run(offer, crowd)),
                Err(error) => Err(error.to_string()),
            };
            // Nobody waits any more when the command was interrupted.
            let _ = done.send(taken);
        })
        .map_err(|error| error.to_string())?;
    waiting.await.map_err(|_| "the load generator ended early".to_owned())?
}

async fn run(offer: Offer, crowd: Arc<Crowd>) -> Result<Taken, String> {
    let phones = crowd.phones.len();
    let connections = offer.connections.clamp(1, phones.max(1));
    let bearers: Result<Vec<HeaderValue>, String> = crowd.phones.iter().map(|phone| bearer(&phone.token)).collect();
    let mut lines = Vec::with_capacity(connections);
    for _ in 0..connections {
        lines.push(Connection::open(offer.address).await?);
    }
    let run = Arc::new(Run {
        bearers: bearers?,
        begun: instant(),
        begun_at: SystemClock.now(),
        taken: Mutex::default(),
        second: Mutex::new((latencies(), 0)),
        offer,
        crowd,
    });
    let generator_before = processor_time(std::process::id());
    let server_before = run.offer.pid.and_then(processor_time);
    let mut workers = JoinSet::new();
    let mut queues = Vec::new();
    for (number, line) in lines.into_iter().enumerate() {
        let (queue, due) = unbounded_channel();
        queues.push(queue);
        workers.spawn(work(Arc::clone(&run), line, number, connections, due));
    }
    let paced = match run.offer.pace {
        Pace::Fixed(rate) => Some(keep_pace(&run, rate, queues)?),
        Pace::Full | Pace::Once => None,
    };
    let mut watching = JoinSet::new();
    watching.spawn(watch(Arc::clone(&run)));
    if run.offer.pace == Pace::Once {
        while workers.join_next().await.is_some() {}
    } else {
        tokio::time::sleep_until((run.begun + run.offer.lasts).into()).await;
    }
    let lasted = run.begun.elapsed();
    let cpu = |before: Option<Duration>, pid: Option<u32>| Some(pid.and_then(processor_time)?.saturating_sub(before?));
    let (server_cpu, generator_cpu) = (
        cpu(server_before, run.offer.pid),
        cpu(generator_before, Some(std::process::id())),
    );
    if let Some(released) = &paced {
        let mut taken = run.taken();
        taken.due = released.load(Ordering::Relaxed);
        let answered = taken.statuses.values().sum::<u64>() + taken.unanswered;
        taken.backlog = taken.due.saturating_sub(answered);
    }
    while workers.join_next().await.is_some() {}
    watching.shutdown().await;
    let mut taken = std::mem::take(&mut *run.taken());
    let told: u64 = taken.statuses.values().sum();
    taken.due = taken.due.max(told + taken.unanswered);
    taken.unanswered = taken.due - told;
    (taken.lasted, taken.server_cpu, taken.generator_cpu) = (lasted, server_cpu, generator_cpu);
    Ok(taken)
}

impl Run {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn second(&self) -> MutexGuard<'_, (hdrhistogram::Histogram<u64>, u64)> {
        self.second.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets every request go when it is due. A thread of its own, since a timer of the runtime rounds to milliseconds.
#[expect(clippy::disallowed_methods, reason = "this thread has nothing to do but to wait")]
fn keep_pace(run: &Arc<Run>, rate: f64, queues: Vec<UnboundedSender<Due>>) -> Result<Arc<AtomicU64>, String> {
    let released = Arc::new(AtomicU64::new(0));
    let (count, run) = (Arc::clone(&released), Arc::clone(run));
    let pace = move || {
        let phones = run.crowd.phones.len() as u64;
        let mut number = 0;
        loop {
            let elapsed = run.begun.elapsed();
            while due_after(number, rate) <= elapsed.min(run.offer.lasts) {
                let phone = number % phones;
                let queue = usize::try_from(phone).unwrap_or(0) % queues.len();
                // A worker that gave up takes nothing more; its requests count as unanswered.
                let late = elapsed.saturating_sub(due_after(number, rate));
                let _ = queues[queue].send(Due { number, late });
                number += 1;
            }
            count.store(number, Ordering::Relaxed);
            if elapsed >= run.offer.lasts {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    };
    std::thread::Builder::new()
        .name("pace".into())
        .spawn(pace)
        .map_err(|error| error.to_string())?;
    Ok(released)
}

/// When request `number` is due, counted from the beginning.
pub fn due_after(number: u64, rate: f64) -> Duration {
    Duration::from_secs_f64(number as f64 / rate.max(1e-9))
}

/// One connection: its phones keep to it, so that their fixes come in order.
async fn work(run: Arc<Run>, mut line: Connection, number: usize, connections: usize, mut due: UnboundedReceiver<Due>) {
    let phones = run.crowd.phones.len();
    let mut phone = number;
    loop {
        let due_at = match run.offer.pace {
            Pace::Fixed(rate) => {
                let Some(request) = due.recv().await else { return };
                phone = usize::try_from(request.number % phones as u64).unwrap_or(0);
                count(&mut run.taken().lag, request.late);
                due_after(request.number, rate)
            }
            Pace::Full | Pace::Once => run.begun.elapsed(),
        };
        let last = match run.offer.pace {
            Pace::Fixed(_) => run.offer.lasts + ANSWERED_WITHIN,
            Pace::Full | Pace::Once => run.offer.lasts,
        };
        if run.begun.elapsed() >= last {
            return;
        }
        let exchanged = tokio::time::timeout_at(
            (run.begun + run.offer.lasts + ANSWERED_WITHIN).into(),
            send(&run, &mut line, phone, due_at),
        );
        let exchanged = exchanged.await;
        phone += connections;
        if phone >= phones {
            if run.offer.pace == Pace::Once {
                return;
            }
            phone = number;
        }
        let failure = match exchanged {
            Ok(Ok(())) => continue,
            Ok(Err(failure)) => failure,
            Err(_) => "an answer did not come in time".to_owned(),
        };
        {
            let mut taken = run.taken();
            taken.unanswered += 1;
            taken.first_failure.get_or_insert(failure);
        }
        // A server that is gone must not be asked as fast as the loop can turn.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn send(run: &Run, line: &mut Connection, phone: usize, due_at: Duration) -> Result<(), String> {
    let due = run.begun_at + TimeDelta::from_std(due_at).unwrap_or_default();
    let at = due.to_rfc3339_opts(SecondsFormat::Millis, true);
    let made = run.crowd.next(phone, run.offer.batch, &at);
    let sent_at = run.begun.elapsed();
    let answer = line
        .exchange(Method::POST, &run.offer.path, &run.bearers[phone], made.body)
        .await?;
    let answered_at = run.begun.elapsed();
    let took = answered_at.saturating_sub(due_at);
    run.offer.progress.fetch_add(1, Ordering::Relaxed);
    let (rejected, moments) = read(&answer);
    let good = (200..300).contains(&answer.status);
    let mut taken = run.taken();
    *taken.statuses.entry(answer.status).or_default() += 1;
    if good {
        taken.fixes += run.offer.batch as u64;
        count(&mut taken.answers, took);
        count(&mut taken.served, answered_at.saturating_sub(sent_at));
        if moments > 0 {
            count(&mut taken.moving, took);
        }
        if made.greeted {
            taken.arrivals.push(Arrival { phone, due });
        }
    } else if matches!(answer.status, 429 | 503) {
        taken.without_retry_after += u64::from(!answer.says_when);
    } else if taken.first_failure.is_none() {
        taken.first_failure = Some(String::from_utf8_lossy(&answer.body).chars().take(300).collect());
    }
    taken.rejected += rejected;
    taken.moments += moments;
    drop(taken);
    if good {
        let mut second = run.second();
        count(&mut second.0, took);
        second.1 += run.offer.batch as u64;
    }
    Ok(())
}

/// Rejected records and moments in an answer, counted without parsing it: the generator must stay light.
fn read(answer: &Answer) -> (u64, u64) {
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    let count = |word: &str| text.matches(word).count() as u64;
    (count("\"status\":\"rejected\""), count("\"noticed_at\":"))
}

/// Once a second: what was answered in it, and what the server has in memory.
async fn watch(run: Arc<Run>) {
    let mut before = run.offer.pid.and_then(processor_time);
    let mut last = run.begun;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = instant();
        let (histogram, fixes) = std::mem::replace(&mut *run.second(), (latencies(), 0));
        let cpu = run.offer.pid.and_then(processor_time);
        let used = cpu.zip(before).map(|(now, before)| now.saturating_sub(before));
        let second = Second {
            at_s: run.begun.elapsed().as_secs_f64(),
            fixes,
            p50_ms: at_ms(&histogram, 0.5),
            p99_ms: at_ms(&histogram, 0.99),
            resident_mib: run
                .offer
                .pid
                .and_then(resident_bytes)
                .map(|bytes| bytes as f64 / 1_048_576.0),
            cores: used.map(|used| used.as_secs_f64() / (now - last).as_secs_f64().max(1e-9)),
        };
        run.taken().seconds.push(second);
        (before, last) = (cpu, now);
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
