//! A town under siege: tenants with phones, an outbox filled as a commit fills it, and the production dispatcher before Firebase's
//! look-alike.

use super::letters::{Letter, device, found, queue, register};
use fcm::test_server::TestServer;
use std::sync::Arc;
use usher::base::chance::SeededEntropy;
use usher::base::clock::Clock;
use usher::base::secret::Secret;
use usher::channel::{self, Channels};
use usher::pipeline::{self, Pipeline};
use usher::store::testing::{Fresh, open_fresh};
use usher::store::{Settings, Store, Synchronous};

pub struct Town {
    pub store: Store,
    pub pipeline: Pipeline,
    pub fcm: TestServer,
    pub clock: Arc<dyn Clock>,
    _fresh: Fresh,
}

impl Town {
    /// `timeout_s`: how long an answer of the provider is waited for.
    pub async fn build(clock: Arc<dyn Clock>, tenants: u128, timeout_s: u64) -> Self {
        let fresh = open_fresh().await.unwrap();
        // Rules are besieged here, not the disk.
        let settings = Settings {
            synchronous: Synchronous::Off,
            ..fresh.settings().clone()
        };
        let store = Store::open(&settings).await.unwrap();
        fresh.give_keys(&store).await.unwrap();
        let fcm = TestServer::start().await.unwrap();
        let channels = Channels::open(&channel::Settings {
            fcm: channel::fcm::Settings {
                service_account: Some(Secret::new(fcm.service_account_json())),
                endpoint: fcm.endpoint(),
                timeout_s,
                ..channel::fcm::Settings::default()
            },
            ..channel::Settings::default()
        })
        .unwrap();
        for tenant in 1..=tenants {
            found(&store, tenant, clock.now()).await;
        }
        let entropy = Arc::new(SeededEntropy::new(7));
        let pipeline = Pipeline::start(
            store.clone(),
            Arc::clone(&clock),
            entropy,
            channels,
            pipeline::Settings::default(),
        );
        Self {
            store,
            pipeline,
            fcm,
            clock,
            _fresh: fresh,
        }
    }

    pub async fn register(&self, tenant: u128, phone: u128) {
        register(&self.store, tenant, phone, self.clock.now()).await;
    }

    /// The app reports its token again.
    pub async fn report_token(&self, tenant: u128, phone: u128) {
        let device = device(tenant, phone, self.clock.now());
        self.pipeline.update_device(device).await.unwrap();
    }

    /// Puts messages into the outbox and wakes the dispatcher.
    pub async fn queue(&self, letters: &[Letter]) {
        queue(&self.store, letters, self.clock.now()).await;
        self.pipeline.work_ready().notify_one();
    }
}
