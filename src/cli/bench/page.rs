//! The barest group commit there is: a page for everybody who waits, on the disk in one write.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

const PAGES: usize = 1_024;
const PAGE: [u8; 4096] = [7; 4096];

/// A file whose pages are written one after the other, round and round, as those of the log of a database are.
pub struct Round {
    file: File,
    pages: usize,
    written: usize,
}

impl Round {
    /// # Errors
    /// The file cannot be written.
    pub fn of(path: &Path, pages: usize) -> io::Result<Self> {
        let file = File::create(path)?;
        Ok(Self {
            file,
            pages,
            written: 0,
        })
    }

    /// Writes the next page; [`Round::sync`] waits until it is on the disk.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self) -> io::Result<()> {
        if self.written.is_multiple_of(self.pages) {
            self.file.rewind()?;
        }
        self.written += 1;
        self.file.write_all(&PAGE)
    }

    /// # Errors
    /// The disk refuses.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// A thread that writes what is asked for meanwhile at once. It ends when nobody can ask any more.
#[derive(Debug)]
pub struct Pages(Sender<oneshot::Sender<()>>);

impl Pages {
    /// Writes to a file in `folder`.
    ///
    /// # Errors
    /// No file, or no thread.
    pub fn start(folder: &Path) -> io::Result<Self> {
        let mut round = Round::of(&folder.join("pages.probe"), PAGES)?;
        let (ask, asked) = channel();
        std::thread::Builder::new()
            .name("pages".into())
            .spawn(move || write_all(&mut round, &asked))?;
        Ok(Self(ask))
    }

    /// Waits until a page is on the disk; false when it could not be written.
    pub async fn write(&self) -> bool {
        let (done, waiting) = oneshot::channel();
        self.0.send(done).is_ok() && waiting.await.is_ok()
    }
}

/// Until the disk refuses: who waits then is let go without a word, which says so.
fn write_all(round: &mut Round, asked: &Receiver<oneshot::Sender<()>>) -> io::Result<()> {
    while let Ok(first) = asked.recv() {
        let waiting: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
        for _ in &waiting {
            round.write()?;
        }
        round.sync()?;
        for done in waiting {
            // Whoever hung up has no use for it.
            let _ = done.send(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_waits_is_told_once_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let pages = Pages::start(folder.path()).unwrap();
        let told = futures_util::future::join_all((0..PAGES + 10).map(|_| pages.write())).await;
        assert!(told.into_iter().all(|written| written));
        let length = std::fs::metadata(folder.path().join("pages.probe")).unwrap().len();
        assert_eq!(length, (PAGES * PAGE.len()) as u64, "it goes round");
    }
}
