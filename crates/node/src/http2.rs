//! What is answered to HTTP/2: that HTTP/1.1 is required (RFC 9113, section 7), for each request that comes. Programs know this code;
//! curl automatically retries with HTTP/1.1. No request is read, so none of what HTTP/2 has to be guarded against is here.

use crate::speech::HTTP_2;
use bytes::{Buf, BufMut, BytesMut};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The time in which the other side has to ask for something, and to go.
const WITHIN: Duration = Duration::from_secs(2);

/// The most bytes that are read for that: settings and the head of a request.
const MOST: usize = 64 << 10;

const HEAD: usize = 9;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;
const HTTP_1_1_REQUIRED: u32 = 0xd;

/// Refuses what comes on a connection that begins with `read`. The caller closes it.
pub(crate) async fn refuse(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    read: BytesMut,
) -> io::Result<()> {
    timeout(WITHIN, answer(stream, read)).await.unwrap_or(Ok(()))
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), mut read: BytesMut) -> io::Result<()> {
    // Settings are what either side begins with.
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    let mut seen = 0;
    while read.len() < HTTP_2.len() {
        seen += more(stream, &mut read).await?;
    }
    read.advance(HTTP_2.len());
    loop {
        while let Some(Frame { kind, flags, of }) = next(&mut read) {
            match kind {
                SETTINGS if flags & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
                // The connection stays until the other side has seen this: at its end, curl would not ask again.
                HEADERS => {
                    stream.write_all(&frame(RST_STREAM, 0, of, &HTTP_1_1_REQUIRED.to_be_bytes())).await?;
                }
                _ => {}
            }
        }
        seen += more(stream, &mut read).await?;
        if seen > MOST {
            return Ok(());
        }
    }
}

async fn more(stream: &mut (impl AsyncRead + Unpin), read: &mut BytesMut) -> io::Result<usize> {
    match stream.read_buf(read).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        some => Ok(some),
    }
}

struct Frame {
    kind: u8,
    flags: u8,
    /// The stream that it is of.
    of: u32,
}

/// The next frame, if it is complete. Its content is skipped.
fn next(read: &mut BytesMut) -> Option<Frame> {
    let head = read.get(..HEAD)?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    if read.len() < HEAD + length {
        return None;
    }
    let of = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & (u32::MAX >> 1);
    let frame = Frame { kind: head[3], flags: head[4], of };
    read.advance(HEAD + length);
    Some(frame)
}

fn frame(kind: u8, flags: u8, of: u32, content: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD + content.len());
    frame.put_uint(content.len() as u64, 3);
    frame.put_u8(kind);
    frame.put_u8(flags);
    frame.put_u32(of);
    frame.put_slice(content);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    #[tokio::test]
    async fn each_request_is_refused_on_its_stream_until_the_other_side_goes() {
        let (mut near, mut far) = duplex(64);
        let mut request = HTTP_2.to_vec();
        request.extend(frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]));
        request.extend(frame(8, 0, 0, &[0, 0, 1, 0]));
        request.extend(frame(HEADERS, 5, 1, &[0x82, 0x86, 0x84]));
        request.extend(frame(HEADERS, 5, 3, &[0x82, 0x86, 0x84]));
        let begun = BytesMut::from(&request[..10]);
        let refusing = tokio::spawn(async move {
            let gone = refuse(&mut near, begun).await.unwrap_err();
            assert_eq!(gone.kind(), io::ErrorKind::UnexpectedEof);
        });
        far.write_all(&request[10..]).await.unwrap();
        far.shutdown().await.unwrap();
        let mut said = BytesMut::new();
        while far.read_buf(&mut said).await.unwrap() > 0 {}
        refusing.await.unwrap();
        let mut kinds = Vec::new();
        while let Some(Frame { kind, flags, of }) = next(&mut said) {
            kinds.push((kind, flags, of));
        }
        assert_eq!(kinds, [(SETTINGS, 0, 0), (SETTINGS, ACK, 0), (RST_STREAM, 0, 1), (RST_STREAM, 0, 3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_nothing_is_not_waited_for() {
        let (mut near, _far) = duplex(64);
        refuse(&mut near, BytesMut::from(&HTTP_2[..])).await.unwrap();
    }
}
