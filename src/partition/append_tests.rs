//! Several batches at once: each has its answer, and a write that fails leaves no trace of those it was to bring.

use super::tests::{config, partition};
use super::*;
use crate::faults;
use crate::record::BatchBuilder;

fn batch(sequence: i32, records: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new().producer(7, 0, sequence);
    (0..records).for_each(|_| builder.push(1, None, Some(&[b'x'; 40])));
    builder.build()
}

fn append(partition: &Partition, batches: &mut [Vec<u8>]) -> Vec<std::result::Result<(i64, i64), ErrorCode>> {
    let incoming = batches.iter_mut().map(|bytes| Incoming { bytes, produce_version: 9 }).collect();
    let answers = partition.append_all(incoming, 1);
    answers
        .into_iter()
        .map(|answer| answer.map(|a| (a.first.0, a.last.0)).map_err(|error| error.code()))
        .collect()
}

fn end(partition: &Partition) -> i64 {
    partition.bounds().unwrap().log_end.0
}

#[test]
fn each_batch_of_a_pipeline_has_its_own_answer() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    let mut torn = batch(3, 1);
    torn.pop();
    let mut pipeline = [batch(0, 2), batch(2, 1), torn, batch(0, 2), batch(5, 1), batch(3, 3)];
    let (torn, gap) = (Err(ErrorCode::CORRUPT_MESSAGE), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    let expected = [Ok((0, 1)), Ok((2, 2)), torn, Ok((0, 1)), gap, Ok((3, 5))];
    assert_eq!(append(&partition, &mut pipeline), expected);
    assert_eq!(end(&partition), 6);
}

#[test]
fn a_pipeline_goes_on_in_the_next_segment() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    let mut pipeline: Vec<_> = (0..40).map(|i| batch(i, 1)).collect();
    let expected: Vec<_> = (0..40).map(|i| Ok((i, i))).collect();
    assert_eq!(append(&partition, &mut pipeline), expected);
    let segments = crate::os::fs::list(folder.path()).unwrap();
    assert!(segments.iter().filter(|entry| entry.name.ends_with(".log")).count() > 2, "segments of 1,000 bytes");
    for offset in 0..40 {
        let range = partition.fetch(Offset(offset), 1, true).unwrap().range.expect("a batch");
        let mut bytes = vec![0; range.length as usize];
        crate::os::fs::read_exact_at(&range.file, &mut bytes, range.position.0).unwrap();
        assert_eq!(BatchHeader::parse(&bytes).unwrap().base_offset, Offset(offset));
    }
}

#[test]
fn a_write_that_fails_leaves_no_trace_in_the_log_or_in_the_producers() {
    let pipeline = || -> Vec<_> { (1..30).map(|i| batch(i, 1)).collect() };
    let prepared = || {
        let folder = tempfile::tempdir().unwrap();
        let partition = partition(&folder, config(FlushMode::Acks));
        append(&partition, &mut [batch(0, 1)]);
        (folder, partition)
    };
    let (_folder, probe) = prepared();
    let (_, steps) = faults::record(|| append(&probe, &mut pipeline()));
    assert!(steps.len() > 3, "{steps:?}");
    for (fail, step) in steps.iter().enumerate() {
        let (_folder, partition) = prepared();
        let answers = faults::fail_once_after(fail, || append(&partition, &mut pipeline()));
        let written = end(&partition);
        for (answer, offset) in answers.iter().zip(1..) {
            assert_eq!(answer.is_ok(), offset < written, "failed at {step}: offset {offset} of {written}");
        }
        let again = append(&partition, &mut pipeline());
        let expected: Vec<_> = (1..30).map(|i| Ok((i, i))).collect();
        let known = (written - 1).saturating_sub(5).max(0) as usize;
        assert_eq!(again[known..], expected[known..], "failed at {step}: sent again");
        assert_eq!(end(&partition), 30, "failed at {step}");
    }
}
