//! The small files beside the segments: checkpoints, snapshots, the registry.
//!
//! Always true: what is guarded by a CRC is believed only with it; that of the log starts lies in a file beside them. The
//! other checkpoints have none: what is no line of such a file is damage, a wrong number is not noticed here.
//! Not done: no file is held against another, but for the log starts and their checksum.

use std::path::Path;

use crate::base::Result;
use crate::cli::dump_log::out::{Fields, Out};
use crate::log::checkpoint;
use crate::os::fs;
use crate::partition::snapshot;
use crate::topic::{has_right_crc, partition_metadata, registry_file};

fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(fs::read(path)?.unwrap_or_default())
}

fn summary(out: &mut Out, bytes: usize, damages: u64, counted: String) {
    let fields = Fields::new().number("bytes", bytes).number("damages", damages);
    let sentence = match damages {
        0 => format!("  {counted}"),
        _ => format!("  {counted}; DAMAGED in {damages} places"),
    };
    out.summary(fields, &sentence);
}

/// One thing is wrong with all of the file.
fn all_wrong(out: &mut Out, bytes: usize, why: &str) {
    out.damage("damage", Fields::new().number("bytes", bytes).text("why", why), &format!("  DAMAGED: {why}"));
    summary(out, bytes, 1, format!("{bytes} bytes"));
}

/// `recovery-point-offset-checkpoint`, `log-start-offset-checkpoint`
pub fn dump_offsets(path: &Path, out: &mut Out) -> Result<()> {
    let bytes = read(path)?;
    if bytes.is_empty() {
        summary(out, 0, 0, "empty".to_string());
        return Ok(());
    }
    let Some(offsets) = checkpoint::parse_offsets(&bytes) else {
        all_wrong(out, bytes.len(), "no checkpoint file; a start does without it");
        return Ok(());
    };
    let is_log_starts = path.ends_with("log-start-offset-checkpoint");
    if is_log_starts && !has_right_crc(path.parent().unwrap_or(Path::new("")), path)? {
        all_wrong(out, bytes.len(), "not the bytes whose checksum lies beside it; a start deletes nothing by it");
        return Ok(());
    }
    for (partition, offset) in &offsets {
        let fields = Fields::new().text("partition", &partition.to_string()).number("offset", offset);
        out.row("offset", fields, &format!("  {partition}  {offset}"));
    }
    summary(out, bytes.len(), 0, format!("{} partitions", offsets.len()));
    Ok(())
}

/// `leader-epoch-checkpoint`
pub fn dump_epochs(path: &Path, out: &mut Out) -> Result<()> {
    let bytes = read(path)?;
    let epochs = if bytes.is_empty() { Some(Vec::new()) } else { checkpoint::parse_epochs(&bytes) };
    let Some(epochs) = epochs else {
        all_wrong(out, bytes.len(), "no checkpoint file; a start makes it anew from batch headers");
        return Ok(());
    };
    let mut damages = 0;
    for (number, (epoch, start)) in epochs.iter().enumerate() {
        let before = number.checked_sub(1).map(|before| epochs[before]);
        let rises = before.is_none_or(|(known, known_start)| *epoch > known && *start >= known_start);
        let fields = Fields::new().number("leader_epoch", epoch).number("start_offset", start);
        let sentence = format!("  leader epoch {epoch} from offset {start} on");
        match rises {
            true => out.row("leader_epoch", fields, &sentence),
            false => {
                damages += 1;
                let sentence = format!("{sentence}  DAMAGED: it does not lie behind the line before it");
                out.damage("leader_epoch", fields, &sentence);
            }
        }
    }
    summary(out, bytes.len(), damages, format!("{} leader epochs", epochs.len()));
    Ok(())
}

/// `partition.metadata`
pub fn dump_topic_id(path: &Path, out: &mut Out) -> Result<()> {
    let bytes = read(path)?;
    match partition_metadata::parse(&bytes) {
        Some(id) => {
            out.row("topic_id", Fields::new().text("topic_id", &id.to_string()), &format!("  topic id {id}"));
            summary(out, bytes.len(), 0, format!("{} bytes", bytes.len()));
        }
        None => all_wrong(out, bytes.len(), "no topic id; the partition stays offline"),
    }
    Ok(())
}

/// `.snapshot`: each idempotent producer's last batch, in Kafka's format.
pub fn dump_snapshot(path: &Path, out: &mut Out) -> Result<()> {
    let bytes = read(path)?;
    show_producers(snapshot::decode(&bytes), bytes.len(), out);
    Ok(())
}

/// `.batches`: the same with up to five batches for each producer.
pub fn dump_snapshot_batches(path: &Path, out: &mut Out) -> Result<()> {
    let bytes = read(path)?;
    show_producers(snapshot::decode_batches(&bytes), bytes.len(), out);
    Ok(())
}

fn show_producers(state: Option<snapshot::ProducerState>, bytes: usize, out: &mut Out) {
    let Some(state) = state else {
        all_wrong(out, bytes, "its CRC does not match, or it is torn; a start reads batch headers instead");
        return;
    };
    let mut producers: Vec<_> = state.iter().collect();
    producers.sort_by_key(|(id, _)| *id);
    for (id, producer) in &producers {
        for batch in &producer.batches {
            let fields = Fields::new()
                .number("producer_id", id)
                .number("producer_epoch", producer.epoch)
                .number("first_sequence", batch.first_sequence)
                .number("last_sequence", batch.last_sequence)
                .number("first_offset", batch.first)
                .number("last_offset", batch.last);
            let sentence = format!(
                "  producer {id} epoch {}: sequences {}..={} at offsets {}..={}",
                producer.epoch, batch.first_sequence, batch.last_sequence, batch.first, batch.last
            );
            out.row("producer", fields, &sentence);
        }
    }
    summary(out, bytes, 0, format!("{} producers", producers.len()));
}

/// `sendlog.registry`
pub fn dump_registry(path: &Path, out: &mut Out) -> Result<()> {
    let bytes = read(path)?;
    let (mut records, mut damages) = (0, 0);
    for line in registry_file::lines(&bytes) {
        let text = String::from_utf8_lossy(line.bytes);
        let fields = Fields::new().number("position", line.at).text("text", &text);
        let at = line.at;
        if line.is_record {
            records += 1;
            out.row("record", fields, &format!("{at:>10}  {}", text.get(registry_file::HEAD..).unwrap_or(&text)));
        } else {
            damages += 1;
            let shown: String = text.chars().take(80).collect();
            out.damage("record", fields, &format!("{at:>10}  DAMAGED: no record: {shown:?}"));
        }
    }
    summary(out, bytes.len(), damages, format!("{records} records"));
    Ok(())
}
