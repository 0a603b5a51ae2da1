//! A process of this executable under test: started in a folder of its own, ended by its own process id.

use super::meter::instant;
use crate::cli::out::Failure;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that is not ready after this long will not be.
const READY_WITHIN: Duration = Duration::from_mins(5);

/// A running child; killed when dropped, so also when the command fails or is interrupted.
#[derive(Debug)]
pub struct Served {
    child: Child,
    pub address: SocketAddr,
    started: Instant,
}

impl Served {
    /// Starts `executable` with these arguments and waits until it says where it listens.
    ///
    /// # Errors
    /// It does not start, or ends before it listens.
    pub fn start(executable: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let failed = |why: String| Failure::new(why, "try `usher serve` by hand: it says more");
        let started = instant();
        let mut child = Command::new(executable)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("the server does not start: {error}")))?;
        let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let address = lines
            .into_iter()
            .flatten()
            .map_while(Result::ok)
            .find_map(|line| {
                line.split_once("listening on http://")
                    .map(|(_, address)| address.trim().to_owned())
            })
            .and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed("the server ended before it listened".to_owned()));
        };
        Ok(Self {
            child,
            address,
            started,
        })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks `/readyz` until it agrees; how long that took since the process was started.
    ///
    /// # Errors
    /// It does not become ready in five minutes.
    pub async fn ready(&self, http: &reqwest::Client) -> Result<Duration, Failure> {
        loop {
            let asked = http.get(format!("{}/readyz", self.url())).send().await;
            let took = self.started.elapsed();
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(took);
            }
            if took > READY_WITHIN {
                return Err(Failure::new(
                    "the server does not become ready",
                    "look at its log above",
                ));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder of this run; removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a new folder inside of `parent`.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn inside(parent: &Path) -> Result<Self, Failure> {
        let path = parent.join(format!("run-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| {
            let what = format!("{} cannot be made: {error}", path.display());
            Failure::new(what, "choose another folder with --data")
        })?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes the configuration of a server under test: a free port on loopback, SQLite that waits for the disk; `more` is
/// appended. Returns the file.
///
/// # Errors
/// The folder cannot be written.
pub fn write_config(folder: &Path, more: &str) -> Result<PathBuf, Failure> {
    let file = folder.join("usher.toml");
    let text = format!(
        "[server]\nbind = \"127.0.0.1:0\"\n[database]\nurl = {:?}\nsynchronous = \"full\"\n[log]\nlevel = \"warn\"\n{more}",
        super::seed::database_url(folder)
    );
    std::fs::write(&file, text).map_err(|error| {
        let what = format!("{} cannot be written: {error}", file.display());
        Failure::new(what, "choose another folder with --data")
    })?;
    Ok(file)
}

/// A process of this executable that does nothing but what HTTP, JSON and the disk take.
///
/// # Errors
/// It does not start.
pub async fn bare(folder: &Path) -> Result<Served, Failure> {
    let folder = folder.display().to_string();
    let started = tokio::task::spawn_blocking(move || {
        Served::start(&super::target::executable()?, &["bench-ceiling", "--data", &folder])
    });
    started
        .await
        .map_err(|error| Failure::new(error.to_string(), "run it again"))?
}
