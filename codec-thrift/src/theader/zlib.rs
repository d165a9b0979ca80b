//! The zlib transform: messages inflated as far as they are needed, and deflated.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use meta_core::CodecError;

use crate::encode::refused;

thread_local! {
    // These weigh some 40 and 300 KiB: no message allocates its own.
    static INFLATER: RefCell<Option<Decompress>> = const { RefCell::new(None) };
    static DEFLATER: RefCell<Option<Compress>> = const { RefCell::new(None) };
}

/// Inflates a stream piece by piece.
pub(super) struct Inflater<'a> {
    /// Always there, but for the end of it all.
    stream: Option<Decompress>,
    deflated: &'a [u8],
    inflated: Vec<u8>,
    is_at_end: bool,
}

impl<'a> Inflater<'a> {
    pub(super) fn new(deflated: &'a [u8]) -> Self {
        let spare = INFLATER.take();
        Self {
            stream: Some(spare.unwrap_or_else(|| Decompress::new(true))),
            deflated,
            inflated: Vec::new(),
            is_at_end: false,
        }
    }

    /// Inflates until there are `bytes` in all; `false` where there are fewer.
    pub(super) fn fill(&mut self, bytes: usize) -> Result<bool, CodecError> {
        let Self {
            stream: Some(stream),
            deflated,
            inflated,
            is_at_end,
        } = self
        else {
            return Ok(false);
        };
        inflated.reserve_exact(bytes.saturating_sub(inflated.len()));
        while inflated.len() < bytes && !*is_at_end {
            let (read, written) = (stream.total_in(), inflated.len());
            // Of a long piece more would be inflated, behind what there is room for.
            let piece = deflated.get(..bytes - written).unwrap_or(deflated);
            let status = stream.decompress_vec(piece, inflated, FlushDecompress::None);
            let status = status.map_err(|error| {
                let detail = format!("payload that zlib cannot inflate: {error}");
                CodecError::malformed(detail)
            })?;
            let read = (stream.total_in() - read) as usize;
            *deflated = deflated.get(read..).unwrap_or_default();
            *is_at_end = status == Status::StreamEnd;
            if read == 0 && inflated.len() == written {
                break;
            }
        }
        Ok(inflated.len() >= bytes)
    }

    /// What has been inflated.
    pub(super) fn inflated(&self) -> &[u8] {
        &self.inflated
    }

    /// Takes out what has been inflated.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.inflated)
    }

    /// Whether the stream is over; else there are bytes to come.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }
}

impl Drop for Inflater<'_> {
    fn drop(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            stream.reset(true);
            INFLATER.set(Some(stream));
        }
    }
}

/// Inflates a whole message of at most `limit` bytes.
pub(super) fn inflate(deflated: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let mut inflater = Inflater::new(deflated);
    let mut bytes = deflated.len().saturating_mul(2).saturating_add(64);
    loop {
        // One more would be over the limit.
        bytes = bytes.min(limit.saturating_add(1));
        let is_full = inflater.fill(bytes)?;
        if inflater.inflated.len() > limit {
            let bytes = inflater.inflated.len() as u64;
            return Err(CodecError::too_large("inflated message", bytes, limit));
        }
        if inflater.is_at_end {
            return Ok(inflater.take());
        }
        if !is_full {
            return Err(cut_short());
        }
        bytes = bytes.saturating_mul(2);
    }
}

/// Deflates a message that comes in pieces.
pub(super) fn deflate(pieces: [&[u8]; 3]) -> Result<Vec<u8>, CodecError> {
    let spare = DEFLATER.take();
    // The quickest level: what came at a better one is a little longer now.
    let mut stream = spare.unwrap_or_else(|| Compress::new(Compression::fast(), true));
    let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut deflated = Vec::with_capacity(bytes / 2 + 64);
    let result = pieces.iter().enumerate().try_for_each(|(n, piece)| {
        let is_last = n + 1 == pieces.len();
        put_deflated(&mut stream, piece, is_last, &mut deflated)
    });
    stream.reset();
    DEFLATER.set(Some(stream));
    result.map(|()| deflated)
}

fn put_deflated(
    stream: &mut Compress,
    mut piece: &[u8],
    is_last: bool,
    deflated: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let flush = match is_last {
        true => FlushCompress::Finish,
        false => FlushCompress::None,
    };
    loop {
        if deflated.len() == deflated.capacity() {
            deflated.reserve(deflated.len());
        }
        let read = stream.total_in();
        let status = stream.compress_vec(piece, deflated, flush);
        let status = status.map_err(|error| refused(format!("zlib cannot deflate: {error}")))?;
        let read = (stream.total_in() - read) as usize;
        piece = piece.get(read..).unwrap_or_default();
        let is_done = match is_last {
            true => status == Status::StreamEnd,
            false => piece.is_empty(),
        };
        if is_done {
            return Ok(());
        }
    }
}

pub(super) fn cut_short() -> CodecError {
    CodecError::malformed("compressed payload that ends too early")
}
