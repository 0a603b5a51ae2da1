//! The process is cut off while it sends: killed, told to stop, or left without room on its disk.
#![allow(
    clippy::disallowed_methods,
    reason = "how long a stop and a recovery take is what is tested"
)]

use super::super::process::{Process, Told, sqlite_in};
use super::super::server::{Keys, Phone, Project, register};
use super::asked;
use super::letters::{self, Letter, message_id, project, token};
use fcm::test_server::{Fault, TestServer};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use usher::base::clock::{Clock, SystemClock};
use usher::engine::delivery::DeliveryState;
use usher::store::{DeliveryFilter, DeliveryRow, PageAsk, Settings, Store, VaultSettings};

const PHONES: u128 = 20;
/// Messages queued before each life of the server.
const PER_LIFE: u128 = 40;
const KILLS: usize = 12;
/// A killed sender's deliveries go out again after this.
const LEASE_S: u64 = 2;
const SEED: u64 = 20_261_122;

/// A database with phones, and Firebase's look-alike; the server comes and goes.
struct Site {
    folder: tempfile::TempDir,
    database: Settings,
    store: Store,
    fcm: TestServer,
    queued: u128,
}

impl Site {
    async fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = sqlite_in(folder.path());
        let store = Store::open(&database).await.unwrap();
        store.migrate().await.unwrap();
        // The key file that the server finds, too.
        store
            .open_vault(&VaultSettings::default(), &database.url)
            .await
            .unwrap();
        letters::found(&store, 1, SystemClock.now()).await;
        for phone in 1..=PHONES {
            letters::register(&store, 1, phone, SystemClock.now()).await;
        }
        Self {
            folder,
            database,
            store,
            fcm: TestServer::start().await.unwrap(),
            queued: 0,
        }
    }

    async fn queue(&mut self, count: u128) {
        let letters: Vec<Letter> = (self.queued..self.queued + count)
            .map(|number| Letter {
                tenant: 1,
                phone: number % PHONES + 1,
                number: number + 1,
                lives_s: 86_400,
            })
            .collect();
        letters::queue(&self.store, &letters, SystemClock.now()).await;
        self.queued += count;
    }

    async fn server(&self, lease_s: u64) -> Process {
        let told = Told {
            folder: self.folder.path(),
            database: &self.database,
            fcm: Some(&self.fcm),
            log_level: "warn",
            lease_s,
        };
        Process::start(&told).await
    }

    async fn deliveries(&self) -> Vec<DeliveryRow> {
        let (mut rows, filter) = (Vec::new(), DeliveryFilter::default());
        let mut ask = PageAsk::first(200);
        loop {
            let page = self.store.deliveries(project(1), &filter, &ask).await.unwrap();
            rows.extend(page.rows);
            let Some(next) = page.next else { return rows };
            ask.after = Some(next);
        }
    }

    async fn worked_off(&self, within: Duration) {
        let began = Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        loop {
            looks.tick().await;
            let open = self.deliveries().await.iter().filter(|row| row.state.is_open()).count();
            if open == 0 {
                return;
            }
            assert!(began.elapsed() < within, "{open} deliveries are still open");
        }
    }

    /// Every message is visible, and none twice.
    async fn assert_visible_once(&self) {
        let rows = self.deliveries().await;
        assert_eq!(rows.len() as u128, self.queued, "none is lost");
        assert!(rows.iter().all(|row| row.state == DeliveryState::Accepted));
        let (mut visible, mut count) = (BTreeSet::new(), 0);
        for phone in 1..=PHONES {
            for shown in self.fcm.screen(&token(phone)) {
                visible.insert(shown.message["data"]["message_id"].as_str().unwrap().to_owned());
                count += 1;
            }
        }
        assert_eq!(visible.len(), count, "none is visible twice");
        let sent: BTreeSet<String> = (1..=self.queued).map(message_id).collect();
        assert_eq!(visible, sent, "every one is visible");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_kills_while_it_sends_lose_nothing_and_show_nothing_twice() {
    let kills = asked("USHER_KILL_CYCLES").unwrap_or(KILLS);
    let mut site = Site::build().await;
    let mut chance = StdRng::seed_from_u64(SEED);
    let mut cut = 0;
    for kill in 1..=kills {
        site.queue(PER_LIFE).await;
        for phone in 1..=PHONES {
            let slow = Fault::Hang(Duration::from_millis(chance.random_range(0..60)));
            site.fcm.fail_next(&token(phone), slow);
        }
        let (mut process, before) = (site.server(LEASE_S).await, site.fcm.count());
        // However slow the machine is, most kills are to hit a server that sends.
        let mut looks = tokio::time::interval(Duration::from_millis(1));
        while kill % 4 > 0 && site.fcm.count() == before {
            looks.tick().await;
        }
        // The moment of the kill is the test.
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..=80))).await;
        process.kill();
        let rows = site.deliveries().await;
        cut += usize::from(rows.iter().any(|row| row.state == DeliveryState::Sending));
        if kill % 20 == 0 {
            println!("killed {kill} of {kills} times, {} requests so far", site.fcm.count());
        }
    }
    let _process = site.server(LEASE_S).await;
    // A long siege leaves a long backlog, which the pace of the provider lets go in its own time.
    let backlog = Duration::from_secs(u64::try_from(site.queued / 20).unwrap());
    site.worked_off(Duration::from_secs(60) + backlog).await;
    site.assert_visible_once().await;
    println!(
        "{kills} kills, {cut} of them in the middle of sends; {} messages, {} requests",
        site.queued,
        site.fcm.count()
    );
    assert!(cut * 3 > kills, "hardly any kill hit a send: {cut} of {kills}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a13_told_to_stop_while_it_sends_it_settles_or_gives_back_what_it_claimed() {
    let mut site = Site::build().await;
    site.queue(400).await;
    for phone in 1..=PHONES {
        for _ in 0..20 {
            site.fcm
                .fail_next(&token(phone), Fault::Hang(Duration::from_millis(100)));
        }
    }
    // One provider never answers.
    site.queue(1).await;
    site.fcm.fail_next(&token(1), Fault::Hang(Duration::from_secs(60)));
    let mut process = site.server(60).await;
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    while site.fcm.count() < 60 {
        looks.tick().await;
    }
    let began = Instant::now();
    let ended = process.terminate(Duration::from_secs(15)).await;
    let took = began.elapsed();
    assert!(
        ended.is_some_and(|status| status.success()),
        "{ended:?}: {}",
        process.log()
    );
    assert!(took <= Duration::from_secs(10), "it took {took:?} to stop");
    let rows = site.deliveries().await;
    let held: Vec<_> = rows.iter().filter(|row| row.lease_until.is_some()).collect();
    assert!(held.is_empty(), "claimed by nobody: {held:?}");
    let accepted = rows.iter().filter(|row| row.state == DeliveryState::Accepted).count();
    let handed_over = site.fcm.look(|log| log.iter().filter(|one| one.accepted).count());
    // What hung is queued again, whether it was accepted or not.
    assert!(
        accepted + 1 >= handed_over && accepted <= handed_over,
        "{accepted} of {handed_over} are on record"
    );
    assert!(
        rows.iter().any(|row| row.state == DeliveryState::Queued),
        "some were left for the next life"
    );
    println!("stopped in {took:?} with {accepted} of {} handed over", rows.len());
    let _process = site.server(60).await;
    site.worked_off(Duration::from_secs(60)).await;
    site.assert_visible_once().await;
}

/// A small disk of its own.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// None where this user may not mount one.
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(&at)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { at }),
            Ok(output) => {
                println!(
                    "SKIPPED: no small disk can be mounted: {}",
                    String::from_utf8_lossy(&output.stderr).trim()
                );
                None
            }
            Err(error) => {
                println!("SKIPPED: `mount` cannot be run: {error}");
                None
            }
        }
    }

    /// Writes until there is no room left.
    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.at.join("filler")).unwrap();
        for size in [65_536, 4_096, 1] {
            while file.write_all(&vec![1_u8; size]).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.at.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

/// A tenant that says something at every order.
async fn shop(process: &Process) -> (Project, Phone) {
    let Keys { publishable, secret } = process.keys("shop").await;
    let project = Project {
        app: process.caller.with(&publishable),
        business: process.caller.with(&secret),
    };
    project.content("ordered", "Ordered", "It is on its way").await;
    let when = json!({ "event": { "name": "order_placed" } });
    project.trigger("ordered", when, "ordered", json!({})).await;
    let phone = register(&project.app, "phone").await;
    phone.identify("anna").await;
    let agreed = json!({ "location": true, "service": true });
    phone.caller.post("/v1/devices/me/consents", &agreed).await.ok();
    (project, phone)
}

async fn integrity(database: &Settings) -> String {
    let connection = sea_orm::Database::connect(database.url.as_str()).await.unwrap();
    let ask = Statement::from_string(connection.get_database_backend(), "PRAGMA integrity_check");
    let row = connection.query_one_raw(ask).await.unwrap().unwrap();
    row.try_get("", "integrity_check").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a3_a_full_disk_is_told_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path().join("disk")) else {
        return;
    };
    let (database, fcm) = (sqlite_in(&disk.at), TestServer::start().await.unwrap());
    let told = Told {
        folder: folder.path(),
        database: &database,
        fcm: Some(&fcm),
        log_level: "warn",
        lease_s: LEASE_S,
    };
    let mut process = Process::start(&told).await;
    let (project, phone) = shop(&process).await;
    let mut taken = Vec::new();
    for round in 0..3 {
        for number in 0..10 {
            let id = format!("before-{round}-{number}");
            let event = json!({ "id": id, "user_ref": "anna", "name": "order_placed" });
            project.business.post("/v1/events", &event).await.ok();
            taken.push(id);
        }
        disk.fill();
        let mut refused = BTreeSet::new();
        for number in 0..40 {
            let id = format!("full-{round}-{number}");
            let event = json!({ "id": id, "user_ref": "anna", "name": "order_placed" });
            let answer = project.business.post("/v1/events", &event).await;
            if answer.status < 300 {
                // The last room there was.
                taken.push(id);
            } else {
                let problem: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
                refused.insert((answer.status, problem["code"].as_str().unwrap_or_default().to_owned()));
            }
        }
        println!("round {round}: refused with {refused:?}");
        assert!(!refused.is_empty(), "the disk was not full");
        let clear = [(507, "storage_full"), (503, "unavailable")].map(|(status, code)| (status, code.to_owned()));
        assert!(refused.iter().all(|answer| clear.contains(answer)), "{refused:?}");
        assert!(!process.has_ended(), "{}", process.log());
        disk.free();
        let began = Instant::now();
        let id = format!("after-{round}");
        let event = json!({ "id": id, "user_ref": "anna", "name": "order_placed" });
        while project.business.post("/v1/events", &event).await.status >= 300 {
            assert!(began.elapsed() < Duration::from_secs(10), "{}", process.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        taken.push(id);
        wait_for(&fcm, &phone.push, taken.len(), began, &process).await;
        println!(
            "round {round}: {} messages, all visible {:?} after there was room",
            taken.len(),
            began.elapsed()
        );
    }
    let ended = process.terminate(Duration::from_secs(15)).await;
    assert!(ended.is_some_and(|status| status.success()), "{}", process.log());
    assert_eq!(integrity(&database).await, "ok");
    assert_eq!(
        fcm.screen(&phone.push).len(),
        taken.len(),
        "everything taken is visible, once"
    );
    assert!(Path::new(&disk.at).exists());
}

/// Within ten seconds of the room, everything that was taken is on the screen.
async fn wait_for(fcm: &TestServer, push: &str, count: usize, since: Instant, process: &Process) {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    while fcm.screen(push).len() < count {
        looks.tick().await;
        let seen = fcm.screen(push).len();
        let is_in_time = since.elapsed() < Duration::from_secs(10);
        assert!(is_in_time, "{seen} of {count} are visible: {}", process.log());
    }
}
