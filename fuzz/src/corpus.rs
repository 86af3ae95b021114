//! A target's corpus, for the tests that replay it. Included by path, like the targets' bodies.

use std::path::Path;

/// Every input of a target's corpus, in the order of the files' names.
#[expect(clippy::unwrap_used, reason = "a test without its corpus has failed")]
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let folder = folders.map(|one| one.join("fuzz/corpus").join(target)).find(|one| one.is_dir());
    let mut files: Vec<_> = folder.unwrap().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}
