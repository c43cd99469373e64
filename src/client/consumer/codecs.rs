//! Compressed batches: decoded if the crate was built with the feature `codecs`, named if not.
//!
//! All records of a batch are compressed together. gzip and zstd are as everywhere; lz4 is the frame format; snappy is a
//! block or, from Java, blocks in xerial's framing: 16 bytes (a magic number, two versions), then blocks with i32 lengths.
//!
//! Always true: no more than 256 MiB come out, whatever is put in.
//! Not done: nothing is compressed here.

use crate::client::error::{Error, Result};
use crate::record::Codec;

/// bytes. A batch is no larger when it is decoded; what claims to be is an attack on memory.
#[cfg(feature = "codecs")]
const SIZE_MAX: u64 = 1 << 28;

fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::None => "none",
        Codec::Gzip => "gzip",
        Codec::Snappy => "snappy",
        Codec::Lz4 => "lz4",
        Codec::Zstd => "zstd",
    }
}

#[cfg(not(feature = "codecs"))]
pub fn decompress(codec: Codec, _bytes: &[u8]) -> Result<Vec<u8>> {
    let what = format!("a batch compressed with {}", name(codec));
    Err(Error::unsupported(what, "this build has no codecs; build it with --features codecs"))
}

#[cfg(feature = "codecs")]
pub fn decompress(codec: Codec, bytes: &[u8]) -> Result<Vec<u8>> {
    let decoded = match codec {
        Codec::None => Ok(bytes.to_vec()),
        Codec::Gzip => read(flate2::read::MultiGzDecoder::new(bytes)),
        Codec::Snappy => snappy(bytes),
        Codec::Lz4 => read(lz4_flex::frame::FrameDecoder::new(bytes)),
        Codec::Zstd => ruzstd::decoding::StreamingDecoder::new(bytes).map_err(|e| e.to_string()).and_then(read),
    };
    decoded.map_err(|why| {
        let (what, whom) = (String::from("decoding"), String::from("the broker"));
        Error::Garbled { what, whom, why: format!("what is said to be {} is not: {why}", name(codec)) }
    })
}

#[cfg(feature = "codecs")]
fn read(decoder: impl std::io::Read) -> std::result::Result<Vec<u8>, String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    decoder.take(SIZE_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    match bytes.len() as u64 > SIZE_MAX {
        true => Err(format!("it is larger than {SIZE_MAX} bytes")),
        false => Ok(bytes),
    }
}

#[cfg(feature = "codecs")]
fn snappy(bytes: &[u8]) -> std::result::Result<Vec<u8>, String> {
    const XERIAL: &[u8] = b"\x82SNAPPY\0";
    const XERIAL_HEADER: usize = 16;
    let block = |block: &[u8]| {
        let size = snap::raw::decompress_len(block).map_err(|error| error.to_string())?;
        if size as u64 > SIZE_MAX {
            return Err(format!("it is larger than {SIZE_MAX} bytes"));
        }
        snap::raw::Decoder::new().decompress_vec(block).map_err(|error| error.to_string())
    };
    if !bytes.starts_with(XERIAL) {
        return block(bytes);
    }
    let mut rest = bytes.get(XERIAL_HEADER..).ok_or("its header is torn")?;
    let mut all = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| "a negative length")?;
        let (part, after) = after.split_at_checked(length).ok_or("a torn block")?;
        all.extend(block(part)?);
        if all.len() as u64 > SIZE_MAX {
            return Err(format!("it is larger than {SIZE_MAX} bytes"));
        }
        rest = after;
    }
    Ok(all)
}

#[cfg(all(test, feature = "codecs"))]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"a batch, a batch, a batch, a batch, a batch";

    #[test]
    fn what_each_codec_made_comes_back() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(TEXT).unwrap();
        assert_eq!(decompress(Codec::Gzip, &gzip.finish().unwrap()).unwrap(), TEXT);
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(TEXT).unwrap();
        assert_eq!(decompress(Codec::Lz4, &lz4.finish().unwrap()).unwrap(), TEXT);
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        assert_eq!(decompress(Codec::Zstd, &ruzstd::encoding::compress_to_vec(TEXT, level)).unwrap(), TEXT);
        let block = snap::raw::Encoder::new().compress_vec(TEXT).unwrap();
        assert_eq!(decompress(Codec::Snappy, &block).unwrap(), TEXT);
        let length = (block.len() as i32).to_be_bytes();
        let header = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
        let framed = [&header[..], &length, &block, &length, &block].concat();
        assert_eq!(decompress(Codec::Snappy, &framed).unwrap(), [TEXT, TEXT].concat());
    }

    #[test]
    fn what_is_no_such_thing_is_an_error() {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let error = decompress(codec, b"\xff\xff\xff\xff\xff").unwrap_err().to_string();
            assert!(error.contains(name(codec)), "{error}");
        }
    }
}
