//! The server under test: the optimised binary as its own process, watched through `/proc`.

use fcm::test_server::TestServer;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server; killed by its own process id when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    started: Instant,
}

impl Server {
    pub fn start(folder: &Path, fcm: &TestServer) -> Self {
        let account = folder.join("service-account.json");
        std::fs::write(&account, fcm.service_account_json()).unwrap();
        let config = folder.join("usher.toml");
        let text = format!(
            "[server]\nbind = \"127.0.0.1:0\"\n[database]\nurl = \"sqlite://{}\"\nsynchronous = \"full\"\n\
             [channels.fcm]\nservice_account_file = \"{}\"\nendpoint = \"{}\"\n[log]\nlevel = \"warn\"\n",
            folder.join("usher.db").display(),
            account.display(),
            fcm.endpoint()
        );
        std::fs::write(&config, text).unwrap();
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_usher"))
            .args(["serve", "--config"])
            .arg(&config)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("listening on ").map(|(_, url)| url.trim().to_owned()))
            .expect("the server says where it listens");
        Self { child, url, started }
    }

    /// Asks `/readyz` until it agrees; how long that took since the process was started.
    pub async fn wait_until_ready(&mut self) -> Duration {
        let client = client();
        for _ in 0..3_000 {
            if client
                .get(format!("{}/readyz", self.url))
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return self.started.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the server does not become ready");
    }

    pub fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap_or_default();
        line.split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse::<f64>().ok())
            .unwrap_or(f64::NAN)
            / 1024.0
    }

    /// Time all its threads have spent on a core; a clock tick is 10 ms on Linux.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let ticks: u64 = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 10)
    }

    pub fn stop(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn client() -> reqwest::Client {
    // The FCM client of this process has installed the TLS provider by the time this is called.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().pool_max_idle_per_host(256).build().unwrap()
}
