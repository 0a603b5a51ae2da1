//! News for passes that lie in wallets: a changed fact marks them, and this tells the wallets, again until it worked.

use super::google::Google;
use super::push::{Push, Woken};
use super::{Pass, Reader, Standing, Wallets};
use crate::base::clock::Clock;
use crate::base::limits;
use crate::engine::fact::FactRef;
use crate::store::{Store, StoreError, WalletPass};
use chrono::TimeDelta;
use futures_util::stream::{StreamExt as _, iter};
use std::sync::Arc;

/// Pushes under way at once.
const AT_ONCE: usize = 16;
/// After the first failure; each further one doubles it.
const PAUSE: TimeDelta = TimeDelta::seconds(15);

/// Tells wallets.
#[derive(Clone)]
pub struct Updates {
    store: Store,
    clock: Arc<dyn Clock>,
    apple: Option<Push>,
    google: Option<Arc<Google>>,
}

impl Updates {
    /// None when no wallet is set up that wants to be told.
    pub fn new(store: &Store, clock: &Arc<dyn Clock>, wallets: &Wallets) -> Option<Self> {
        let (apple, google) = (wallets.apple.as_ref(), wallets.google.as_ref());
        (apple.is_some() || google.is_some()).then(|| Self {
            store: store.clone(),
            clock: Arc::clone(clock),
            apple: apple.map(|apple| apple.push().clone()),
            google: google.map(Arc::clone),
        })
    }

    /// Tells every wallet that is due, a bounded number at a time; how many there were. What happens between a push and its
    /// record is pushed again: a phone that has nothing new to fetch shows nothing.
    ///
    /// # Errors
    /// The database does not answer; what was told is recorded or told again.
    pub async fn round(&self) -> Result<usize, StoreError> {
        let due = self
            .store
            .wallets_due(self.clock.now(), limits::WALLETS_PER_ROUND_MAX)
            .await?;
        let count = due.len();
        let mut told = iter(due).map(|held| self.tell(held)).buffer_unordered(AT_ONCE);
        let mut result = Ok(());
        while let Some(one) = told.next().await {
            result = result.and(one);
        }
        result.map(|()| count)
    }

    async fn tell(&self, held: WalletPass) -> Result<(), StoreError> {
        // A pass at Google is held by the object that it is there.
        let at_google = |google: &&Arc<Google>| google.object_id(&held.serial) == held.holder;
        match (self.google.as_ref().filter(at_google), &held.push_token, &self.apple) {
            (Some(google), _, _) => self.refresh(google, &held).await,
            (None, Some(token), Some(apple)) => match apple.wake(token).await {
                Woken::Yes => self.store.settle_wallet(&held, None).await,
                Woken::Never => self.store.let_go_of_pass(&held.holder, &held.serial).await,
                Woken::Later { why } => self.later(&held, "Apple", &why).await,
            },
            (None, None, _) => self.store.let_go_of_pass(&held.holder, &held.serial).await,
            // That wallet is not set up any more, and may be again.
            (None, Some(_), None) => self.store.settle_wallet(&held, None).await,
        }
    }

    /// Patches the pass at Google. One that nobody saved there is not there: whoever saves it later gets further news.
    async fn refresh(&self, google: &Google, held: &WalletPass) -> Result<(), StoreError> {
        let (link, now) = (&held.link, self.clock.now());
        let id = FactRef {
            kind: link.kind.clone(),
            key: link.key.clone(),
        };
        let fact = self.store.fact(link.project_id, &id).await?;
        let reader = Reader::of(&self.store, link).await?;
        let pass = fact.and_then(|fact| {
            let is_theirs = fact.subjects.contains(&link.user_id);
            let voided = !is_theirs || Standing::of(&fact, now) != Standing::Good;
            let pass = Pass::of(link.clone(), &fact, voided, reader.zone, reader.locale.as_deref());
            Some((pass?, is_theirs))
        });
        let Some((pass, is_theirs)) = pass else {
            return self.store.let_go_of_pass(&held.holder, &held.serial).await;
        };
        match google.refresh(&pass, is_theirs, now).await {
            Woken::Yes | Woken::Never => self.store.settle_wallet(held, None).await,
            Woken::Later { why } => self.later(held, "Google", &why).await,
        }
    }

    async fn later(&self, held: &WalletPass, who: &str, why: &str) -> Result<(), StoreError> {
        let gives_up = held.attempts + 1 >= limits::WALLET_ATTEMPTS_MAX;
        tracing::warn!(%who, %why, attempts = held.attempts + 1, gives_up, "the news of a pass was not taken");
        let pause = PAUSE * 2_i32.saturating_pow(held.attempts.min(16));
        let again_at = (!gives_up).then(|| self.clock.now() + pause);
        self.store.settle_wallet(held, again_at).await
    }
}
