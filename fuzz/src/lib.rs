//! What the targets share: the dispatch over all request types, scratch folders, good batches.

#[path = "../../tests/wire_frames/mod.rs"]
pub mod wire_frames;

use std::cell::OnceCell;
use std::path::PathBuf;

use sendlog::base::Offset;
use sendlog::record::header::{stamp, stamp_crc, BatchHeader};
use sendlog::record::BatchBuilder;

/// An empty folder of this process, in `FUZZ_SCRATCH` or where temporary files go.
pub fn folder(name: &str) -> PathBuf {
    thread_local!(static FOLDER: OnceCell<PathBuf> = const { OnceCell::new() });
    sendlog::os::fs::sync_nothing();
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| {
            sendlog::base::set_note_writer(|_: &sendlog::base::Note| ());
            let root = std::env::var_os("FUZZ_SCRATCH").map_or_else(std::env::temp_dir, PathBuf::from);
            root.join(format!("sendlog-fuzz-{name}-{}", std::process::id()))
        });
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).expect("a scratch folder can be made");
        folder.clone()
    })
}

/// So many batches of one record each, one behind the other; timestamps rise by 10 ms from 1000 on.
pub fn segment(batches: i64) -> Vec<u8> {
    let batch = |number: i64| {
        let mut batch = BatchBuilder::new().record(1000 + 10 * number, None, Some(&[b'v'; 40])).build();
        stamp(&mut batch, Offset(number), 0);
        batch
    };
    (0..batches).flat_map(batch).collect()
}

/// Gives whatever has a size that fits the checksum that belongs to it.
pub fn make_batches_good(mut bytes: &mut [u8]) {
    while let Some(header) = BatchHeader::parse(bytes) {
        let Some(size) = header.size().filter(|size| *size <= bytes.len() as u64) else { return };
        let (batch, rest) = bytes.split_at_mut(size as usize);
        stamp_crc(batch);
        bytes = rest;
    }
}
