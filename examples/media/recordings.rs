//! All that one peer sends, each stream in a file of its own.

use super::recorder::{Format, Frame, Recorder, Written};
use super::tracks;
use duologue::PeerConnection;
use duologue::rtp::stream::{self, ReceiverId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

pub(crate) struct Recordings {
    folder: PathBuf,
    /// What the files' names begin with.
    name: String,
    /// A stream whose codec changes goes on in another file.
    files: BTreeMap<(ReceiverId, Format), Recorder>,
    /// What is told of files that are complete.
    complete: Vec<Value>,
}

impl Recordings {
    pub(crate) fn new(folder: PathBuf, name: String) -> Self {
        Self { folder, name, files: BTreeMap::new(), complete: Vec::new() }
    }

    /// Writes a received frame, and asks for a key frame when nothing can be done without one.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        connection: &mut PeerConnection,
        received: &stream::Frame,
    ) -> io::Result<()> {
        let Some(frame) = Frame::of(received) else { return Ok(()) };
        let key = (received.receiver, frame.format);
        if !self.files.contains_key(&key) {
            let Some((mid, rid)) = tracks::origin(connection, received.receiver) else { return Ok(()) };
            let rid = rid.map(|rid| format!("-{rid}")).unwrap_or_default();
            let name = format!("{}-{mid}-{}{rid}", self.name, frame.format.name());
            self.files.insert(key, Recorder::new(&self.folder, &name)?);
        }
        let Some(file) = self.files.get_mut(&key) else { return Ok(()) };
        if file.write(&frame)? == Written::NeedsKeyFrame {
            connection.request_key_frame(now, received.receiver);
        }
        Ok(())
    }

    /// Completes every file. What comes later begins others.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let mut outcome = Ok(());
        for ((_, format), file) in std::mem::take(&mut self.files) {
            self.complete.push(tell(&file, format, true));
            let finished = file.finish();
            outcome = outcome.and(finished);
        }
        outcome
    }

    /// What HTTP tells of the files.
    pub(crate) fn state(&self) -> Value {
        let open = self.files.iter().map(|((_, format), file)| tell(file, *format, false));
        self.complete.iter().cloned().chain(open).collect()
    }
}

impl Drop for Recordings {
    fn drop(&mut self) {
        // Who cares for errors has called `finish` before.
        let _ = self.finish();
    }
}

fn tell(file: &Recorder, format: Format, complete: bool) -> Value {
    let rate = u64::from(format.clock_rate());
    let milliseconds = file.length() * 1000 / rate;
    json!({
        "file": file.path(),
        "codec": format.name(),
        "frames": file.frames(),
        "milliseconds": milliseconds,
        "complete": complete,
    })
}
