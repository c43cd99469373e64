//! The bytes of one produced batch: checked as the broker checks them, with a checksum that is made right.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sendlog::record::check::{check, Depth, Rules, Timestamps};
use sendlog::record::header::{stamp_crc, BatchHeader, HEADER_SIZE};
use sendlog::record::records::Records;

fuzz_target!(|bytes: &[u8]| {
    let mut batch = bytes.to_vec();
    if batch.len() >= HEADER_SIZE {
        let length = (batch.len() - 12) as i32;
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        batch[16] = 2;
        stamp_crc(&mut batch);
    }
    for depth in [Depth::Header, Depth::Records] {
        for keys_required in [false, true] {
            let rules = Rules { depth, size_max: 1 << 20, keys_required, timestamps: Timestamps::ANY };
            let Ok(header) = check(&batch, &rules, 9, 1_700_000_000_000) else { continue };
            assert_eq!(BatchHeader::parse(&batch), Some(header));
            assert_eq!(header.size(), Some(batch.len() as u64));
            assert_eq!(i64::from(header.record_count), header.offset_count());
            if depth == Depth::Records && header.attributes & 7 == 0 {
                let count = Records::new(&batch[HEADER_SIZE..]).filter(|record| record.is_ok()).count();
                assert_eq!(count as i32, header.record_count, "each record was looked at");
            }
        }
    }
});
