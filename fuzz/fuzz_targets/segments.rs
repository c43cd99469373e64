//! The bytes of a segment: recovered after a kill, with or without a recovery point, and opened after a clean stop; what
//! comes out is read, recovered again with the same result, and no byte is gone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sendlog::base::Offset;
use sendlog::log::recovery::{self, Opening};
use sendlog::log::LogConfig;
use sendlog::os::fs;
use sendlog_fuzz::{folder, make_batches_good};

const CONFIG: LogConfig = LogConfig { segment_bytes: 1 << 20, segment_ms: i64::MAX, index_interval_bytes: 64 };

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let mut log = rest.to_vec();
    if first & 1 > 0 {
        make_batches_good(&mut log);
    }
    let opening = Opening {
        is_clean: first & 2 > 0,
        recovery_point: Offset(i64::from(first >> 4)),
        log_start: Offset(i64::from(first >> 2 & 3)),
        epoch: 3,
        ..Opening::default()
    };
    let folder = folder("segments");
    let path = folder.join("00000000000000000000.log");
    std::fs::write(&path, &log).unwrap();
    let open = || recovery::open(&folder, &fs::list(&folder).unwrap(), CONFIG, opening, &mut |_| ());
    let end = match open() {
        Ok((log, _)) => {
            let (start, end) = (log.start_offset(), log.end_offset());
            let mut seen = start;
            let _ = log.for_each_header(start, |header| {
                assert!(header.last_offset() >= seen, "offsets rise");
                seen = header.last_offset();
            });
            let _ = log.view(start).range(start, 1 << 20, true);
            end
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(std::fs::read(&path).unwrap(), log, "what goes offline stays as it is");
            return;
        }
    };
    let mut kept = std::fs::read(&path).unwrap_or_default();
    kept.extend(std::fs::read(folder.join("00000000000000000000.cut-3")).unwrap_or_default());
    let is_below_start = end <= opening.log_start;
    assert!(kept == log || is_below_start, "no byte is gone");
    let (again, recovered) = open().expect("what was recovered opens");
    assert_eq!((again.end_offset(), recovered.bytes_cut), (end, 0), "twice is the same");
});
