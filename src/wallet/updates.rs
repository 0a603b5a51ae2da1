//! News for passes that lie in wallets: a changed fact marks them, and this tells the wallets, again until it worked.

use super::Wallets;
use super::push::{Push, Woken};
use crate::base::clock::Clock;
use crate::base::limits;
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
    push: Push,
}

impl Updates {
    /// None when no wallet is set up that wants to be told.
    pub fn new(store: &Store, clock: &Arc<dyn Clock>, wallets: &Wallets) -> Option<Self> {
        let apple = wallets.apple.as_ref()?;
        Some(Self {
            store: store.clone(),
            clock: Arc::clone(clock),
            push: apple.push().clone(),
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
        let woken = match &held.push_token {
            Some(token) => self.push.wake(token).await,
            None => Woken::Never,
        };
        match woken {
            Woken::Yes => self.store.settle_wallet(&held, None).await,
            Woken::Never => self.store.let_go_of_pass(&held.holder, &held.serial).await,
            Woken::Later { why } => {
                let gives_up = held.attempts + 1 >= limits::WALLET_ATTEMPTS_MAX;
                tracing::warn!(%why, attempts = held.attempts + 1, gives_up, "Apple did not take the news of a pass");
                let pause = PAUSE * 2_i32.saturating_pow(held.attempts.min(16));
                let again_at = (!gives_up).then(|| self.clock.now() + pause);
                self.store.settle_wallet(&held, again_at).await
            }
        }
    }
}
