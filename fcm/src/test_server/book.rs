//! What the server remembers: faults to come, access tokens, requests, screens.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::fault::Fault;
use super::key::Key;
use super::schema::Schemas;
use super::screen::{Screen, Shown};
use crate::clock;

/// Google's access tokens live for an hour.
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// One request to `messages:send`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Received {
    /// The token or FID; for other targets the topic or condition; empty if the request named none.
    pub token: String,
    /// The message as it was sent, with field names in camel case; null if there was none.
    pub message: Value,
    /// Whether it was a dry run.
    pub validate_only: bool,
    /// Whether the message was accepted, whatever became of the answer.
    pub accepted: bool,
    /// When it arrived, by the clock of the test if it set one.
    pub at: SystemTime,
    /// What was made to go wrong with it.
    pub fault: Option<Fault>,
}

/// One connection that a client opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// How many requests came by it, of any kind.
    pub requests: usize,
    /// Whether they came as HTTP/2.
    pub is_http2: bool,
}

/// Tells the time of a test.
pub type TestClock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// All that is remembered, behind one lock.
pub(super) struct Book {
    pub(super) key: Key,
    pub(super) schemas: Schemas,
    /// Where this server is, as a client writes it.
    endpoint: String,
    /// Set when the server stops. Its worker may outlive the stop by a moment, with open connections, and must then be mute.
    stopped: AtomicBool,
    pages: Mutex<Pages>,
}

struct Pages {
    faults_by_token: HashMap<String, VecDeque<Fault>>,
    faults: VecDeque<Fault>,
    grant_faults: VecDeque<Fault>,
    unregistered: HashSet<String>,
    /// Access tokens with the instant they end.
    access_tokens: HashMap<String, Instant>,
    token_lifetime: Duration,
    token_requests: usize,
    received: Vec<Received>,
    screens: HashMap<String, Screen>,
    clock: Option<TestClock>,
    connections: Vec<Connection>,
    /// Requests are counted and not kept.
    forgets: bool,
    count: usize,
}

impl Book {
    pub(super) fn new(key: Key, endpoint: String, schemas: Schemas) -> Self {
        let pages = Pages {
            faults_by_token: HashMap::new(),
            faults: VecDeque::new(),
            grant_faults: VecDeque::new(),
            unregistered: HashSet::new(),
            access_tokens: HashMap::new(),
            token_lifetime: TOKEN_LIFETIME,
            token_requests: 0,
            received: Vec::new(),
            screens: HashMap::new(),
            clock: None,
            connections: Vec::new(),
            forgets: false,
            count: 0,
        };
        Self {
            key,
            schemas,
            endpoint,
            stopped: AtomicBool::new(false),
            pages: Mutex::new(pages),
        }
    }

    /// A test that panicked elsewhere must not hide what was recorded.
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn token_uri(&self) -> String {
        format!("{}/token", self.endpoint)
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Notes a new connection and gives it a number.
    pub(super) fn connected(&self) -> usize {
        let mut pages = self.pages();
        pages.connections.push(Connection::default());
        pages.connections.len() - 1
    }

    /// Notes that a request came by this connection.
    pub(super) fn asked_over(&self, connection: usize, is_http2: bool) {
        if let Some(connection) = self.pages().connections.get_mut(connection) {
            connection.requests += 1;
            connection.is_http2 = is_http2;
        }
    }

    pub(super) fn connections(&self) -> Vec<Connection> {
        self.pages().connections.clone()
    }

    pub(super) fn set_clock(&self, clock: TestClock) {
        self.pages().clock = Some(clock);
    }

    /// The time of day, as the test sees it.
    pub(super) fn now(&self) -> SystemTime {
        self.pages()
            .clock
            .as_ref()
            .map_or_else(clock::time_of_day, |clock| clock())
    }

    pub(super) fn forget(&self) {
        self.pages().forgets = true;
    }

    pub(super) fn count(&self) -> usize {
        self.pages().count
    }

    pub(super) fn close(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    pub(super) fn script(&self, token: Option<&str>, fault: Fault) {
        let mut pages = self.pages();
        match token {
            Some(token) => pages
                .faults_by_token
                .entry(token.to_owned())
                .or_default()
                .push_back(fault),
            None => pages.faults.push_back(fault),
        }
    }

    pub(super) fn script_grant(&self, fault: Fault) {
        self.pages().grant_faults.push_back(fault);
    }

    /// The fault for this request, if one is scripted. A dead token is a fault that is not used up.
    pub(super) fn next_fault(&self, token: &str) -> Option<Fault> {
        let mut pages = self.pages();
        if let Some(fault) = pages.faults_by_token.get_mut(token).and_then(VecDeque::pop_front) {
            return Some(fault);
        }
        if pages.unregistered.contains(token) {
            return Some(Fault::unregistered());
        }
        pages.faults.pop_front()
    }

    pub(super) fn next_grant_fault(&self) -> Option<Fault> {
        self.pages().grant_faults.pop_front()
    }

    pub(super) fn set_registered(&self, token: &str, registered: bool) {
        let mut pages = self.pages();
        if registered {
            pages.unregistered.remove(token);
        } else {
            pages.unregistered.insert(token.to_owned());
        }
    }

    pub(super) fn set_token_lifetime(&self, lifetime: Duration) {
        self.pages().token_lifetime = lifetime;
    }

    pub(super) fn expire_access_tokens(&self) {
        self.pages().access_tokens.clear();
    }

    /// Counts a request to the token endpoint, whatever comes of it.
    pub(super) fn count_token_request(&self) {
        self.pages().token_requests += 1;
    }

    pub(super) fn token_requests(&self) -> usize {
        self.pages().token_requests
    }

    /// A new access token and its life in seconds.
    pub(super) fn issue(&self) -> (String, u64) {
        let mut pages = self.pages();
        let token = format!("test-access-{}", pages.token_requests);
        let lifetime = pages.token_lifetime;
        pages.access_tokens.insert(token.clone(), clock::instant() + lifetime);
        (token, lifetime.as_secs())
    }

    pub(super) fn is_in_force(&self, access_token: &str) -> bool {
        self.pages()
            .access_tokens
            .get(access_token)
            .is_some_and(|ends_at| clock::instant() < *ends_at)
    }

    /// Notes a request and, if it was accepted, shows it. The number makes the name of the message.
    pub(super) fn note(&self, received: Received) -> usize {
        let mut pages = self.pages();
        pages.count += 1;
        if pages.forgets {
            return pages.count;
        }
        if received.accepted && !received.validate_only {
            pages
                .screens
                .entry(received.token.clone())
                .or_default()
                .show(&received.message);
        }
        pages.received.push(received);
        pages.count
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&[Received]) -> T) -> T {
        look(&self.pages().received)
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.pages().received.clone()
    }

    pub(super) fn screen(&self, token: &str) -> Vec<Shown> {
        self.pages().screens.get(token).map(Screen::shown).unwrap_or_default()
    }
}
