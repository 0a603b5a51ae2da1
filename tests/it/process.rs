//! The real binary as a process of its own, on a free port, ended by its own id and never waited for without a bound.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::caller::Caller;
use super::server::{Keys, create_project};
use fcm::test_server::TestServer;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use usher::base::chance::SystemEntropy;
use usher::base::clock::{Clock, SystemClock};
use usher::engine::catalogue::Mode;
use usher::store::{Settings, Store};

/// How long a server may take to listen; a machine under load is slow, and a test must end.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);
const LOOKS_EVERY: Duration = Duration::from_millis(10);

pub struct Process {
    child: Child,
    pub caller: Caller,
    database: Settings,
    log: PathBuf,
    /// Goes with the last one who needs it.
    folder_kept: Option<tempfile::TempDir>,
}

/// What a process is started with, beside the defaults.
pub struct Told<'a> {
    pub folder: &'a Path,
    pub database: &'a Settings,
    pub fcm: Option<&'a TestServer>,
    pub log_level: &'a str,
    pub lease_s: u64,
}

impl Process {
    /// Starts on a database of its own, without any channel but the tray.
    pub async fn start_fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = sqlite_in(folder.path());
        let told = Told {
            folder: folder.path(),
            database: &database,
            fcm: None,
            log_level: "info",
            lease_s: 60,
        };
        let mut process = Self::start(&told).await;
        process.folder_kept = Some(folder);
        process
    }

    /// Starts and waits until it listens.
    pub async fn start(told: &Told<'_>) -> Self {
        let config = told.folder.join("usher.toml");
        let mut text = format!(
            "[server]\nbind = \"127.0.0.1:0\"\n[database]\nurl = \"{}\"\n[pipeline]\nlease_s = {}\n[log]\nlevel = \"{}\"\n",
            told.database.url, told.lease_s, told.log_level
        );
        if let Some(fcm) = told.fcm {
            let account = told.folder.join("account.json");
            std::fs::write(&account, fcm.service_account_json()).unwrap();
            let section = format!(
                "[channels.fcm]\nservice_account_file = \"{}\"\nendpoint = \"{}\"\n",
                account.display(),
                fcm.endpoint()
            );
            text.push_str(&section);
        }
        std::fs::write(&config, text).unwrap();
        let (out, log) = (told.folder.join("out.log"), told.folder.join("err.log"));
        let kept = File::options().create(true).append(true).open(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_usher"))
            .args(["serve", "--config"])
            .arg(&config)
            .current_dir(told.folder)
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(kept)
            .spawn()
            .unwrap();
        let mut process = Self {
            child,
            caller: Caller::new(""),
            database: told.database.clone(),
            log,
            folder_kept: None,
        };
        let address = tokio::time::timeout(LISTENS_WITHIN, process.address(&out)).await;
        let address = address.unwrap_or_else(|_| panic!("it did not listen: {}", process.log()));
        process.caller = process.caller.moved(&address);
        process
    }

    /// What it says on standard output once it listens.
    async fn address(&mut self, out: &Path) -> String {
        let mut looks = tokio::time::interval(LOOKS_EVERY);
        loop {
            looks.tick().await;
            let text = std::fs::read_to_string(out).unwrap_or_default();
            let line = text
                .lines()
                .find_map(|line| line.split_once("listening on ").map(|(_, address)| address));
            if let Some(address) = line.filter(|_| text.contains('\n')) {
                return address.trim().to_owned();
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended before it listened: {ended:?} {}", self.log());
        }
    }

    /// A project with its keys, made beside the running server as `usher keys create` does.
    pub async fn keys(&self, project: &str) -> Keys {
        let store = Store::open(&self.database).await.unwrap();
        let keys = create_project(&store, &SystemEntropy, SystemClock.now(), project, Mode::Live).await;
        store.close().await.unwrap();
        keys
    }

    /// Everything it wrote to its log, over all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL, and the end of it.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// SIGTERM; how it ended. None when it did not within this time.
    pub async fn terminate(&mut self, within: Duration) -> Option<std::process::ExitStatus> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let mut looks = tokio::time::interval(LOOKS_EVERY);
        let ended = async {
            loop {
                looks.tick().await;
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
            }
        };
        tokio::time::timeout(within, ended).await.ok()
    }

    /// Has it ended by itself?
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The most memory it ever held, in bytes; nothing where the system does not say.
    pub fn memory_peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .and_then(|text| text.trim().parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn sqlite_in(folder: &Path) -> Settings {
    Settings {
        url: format!("sqlite://{}", folder.join("usher.db").display()),
        ..Settings::default()
    }
}
