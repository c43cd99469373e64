//! The bytes of both indexes of a good segment: every offset and every timestamp is answered as with fresh ones.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sendlog::base::Offset;
use sendlog::log::recovery::{self, Opening};
use sendlog::log::{Log, LogConfig};
use sendlog::os::fs;
use sendlog_fuzz::{folder, segment};

const CONFIG: LogConfig = LogConfig { segment_bytes: 1 << 20, segment_ms: i64::MAX, index_interval_bytes: 64 };
const BATCHES: i64 = 20;

/// Where each offset and timestamp leads.
fn answers(log: &Log) -> Vec<(u64, Option<i64>)> {
    let answer = |offset| {
        let view = log.view(Offset(offset));
        let range = view.range(Offset(offset), 1, true).expect("it can be read").expect("it is there");
        let found = view.find_timestamp(1000 + 10 * offset, Offset(0)).expect("it can be looked up");
        (range.position.0, found.map(|found| found.offset.0))
    };
    (0..BATCHES).map(answer).collect()
}

fn open(index: &[u8], times: &[u8], is_clean: bool) -> Log {
    let folder = folder("indexes");
    std::fs::write(folder.join("00000000000000000000.log"), segment(BATCHES)).unwrap();
    std::fs::write(folder.join("00000000000000000000.index"), index).unwrap();
    std::fs::write(folder.join("00000000000000000000.timeindex"), times).unwrap();
    let opening = Opening { is_clean, recovery_point: Offset(BATCHES), log_start: Offset(0), epoch: 0, ..Opening::default() };
    recovery::open(&folder, &fs::list(&folder).unwrap(), CONFIG, opening, &mut |_| ())
        .expect("indexes are hints")
        .0
}

fuzz_target!(|bytes: &[u8]| {
    static FRESH: OnceLock<Vec<(u64, Option<i64>)>> = OnceLock::new();
    let fresh = FRESH.get_or_init(|| answers(&open(&[], &[], false)));
    let Some((split, rest)) = bytes.split_first() else { return };
    let (index, times) = rest.split_at((usize::from(*split) * 8).min(rest.len()));
    for is_clean in [false, true] {
        assert_eq!(&answers(&open(index, times, is_clean)), fresh);
    }
});
