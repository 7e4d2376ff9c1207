//! Streams as etcd has sent them (`golden`, see its README), and any others.

use super::body::Framing;
use super::codec::{EtcdDecoder, EtcdEncoder};
use super::head::{self, Head};
use super::message::{self, AppendHead};
use super::stream::StreamKind;
use super::*;
use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use raftdeck_model::glance::Detail;
use std::fmt::Write as _;
use tokio_util::codec::{Decoder, Encoder};

/// A stream with the head of its response.
struct Golden {
    version: &'static str,
    name: &'static str,
    bytes: &'static [u8],
}

macro_rules! golden {
    ($version:literal, $name:literal) => {
        Golden {
            version: $version,
            name: $name,
            bytes: include_bytes!(concat!("golden/", $version, "/", $name)),
        }
    };
}

const GOLDEN: [Golden; 6] = [
    golden!("3.4", "msgapp"),
    golden!("3.4", "message"),
    golden!("3.4", "message-back"),
    golden!("3.5", "msgapp"),
    golden!("3.5", "message"),
    golden!("3.5", "message-back"),
];

impl Golden {
    fn kind(&self) -> StreamKind {
        if self.name == "msgapp" { StreamKind::MsgApp } else { StreamKind::Message }
    }

    /// What decodes the stream, and the stream.
    fn stream(&self) -> (EtcdDecoder, BytesMut) {
        let mut bytes = BytesMut::from(self.bytes);
        let response = head::take(&mut bytes).unwrap().unwrap();
        let response = Head::read(&response).unwrap();
        assert_eq!((response.status(), Framing::of(&response)), (Some(200), Framing::Chunked));
        (EtcdDecoder::stream(self.kind(), Framing::Chunked, 1, 2), bytes)
    }

    fn frames(&self) -> Vec<Bytes> {
        let (mut decoder, mut bytes) = self.stream();
        let frames = all(&mut decoder, &mut bytes).unwrap();
        assert!(bytes.is_empty());
        frames
    }
}

/// All frames that are there.
fn all(decoder: &mut EtcdDecoder, bytes: &mut BytesMut) -> std::io::Result<Vec<Bytes>> {
    let mut frames = Vec::new();
    while let Some(frame) = decoder.decode(bytes)? {
        frames.push(frame);
    }
    Ok(frames)
}

/// Frames in words, a line each.
fn words(frames: &[Bytes]) -> String {
    let mut words = String::new();
    for frame in frames {
        let Glance { kind, term, index, granted, entries, detail } = message::glance(frame).unwrap();
        write!(words, "{} in term {term}", kind.name()).unwrap();
        if let Some(index) = index {
            write!(words, ", index {index}").unwrap();
        }
        if let Some(granted) = granted {
            write!(words, ", granted: {granted}").unwrap();
        }
        writeln!(words, ", {entries} entries, {detail}").unwrap();
    }
    words
}

#[test]
fn streams_of_both_versions_are_read_as_they_were_meant() {
    let mut said = String::new();
    for golden in &GOLDEN {
        writeln!(said, "{} {}\n{}", golden.version, golden.name, words(&golden.frames())).unwrap();
    }
    assert_eq!(said, include_str!("golden/words.txt"));
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    for golden in &GOLDEN {
        let whole = golden.frames();
        let (_, bytes) = golden.stream();
        for cut in 0..=bytes.len() {
            let (mut decoder, _) = golden.stream();
            let mut buffer = BytesMut::from(&bytes[..cut]);
            let mut frames = all(&mut decoder, &mut buffer).unwrap();
            buffer.extend_from_slice(&bytes[cut..]);
            frames.extend(all(&mut decoder, &mut buffer).unwrap());
            assert_eq!(frames, whole, "{} {} cut at {cut}", golden.version, golden.name);
        }
        let (mut decoder, mut buffer) = (golden.stream().0, BytesMut::new());
        let mut frames = Vec::new();
        for byte in bytes {
            buffer.put_u8(byte);
            frames.extend(all(&mut decoder, &mut buffer).unwrap());
        }
        assert_eq!(frames, whole, "{} {} byte by byte", golden.version, golden.name);
    }
}

#[test]
fn whole_appends_have_the_entries_that_they_say() {
    for golden in GOLDEN.iter().filter(|golden| golden.kind() == StreamKind::MsgApp) {
        let mut next = None;
        for frame in golden.frames() {
            let glance = message::glance(&frame).unwrap();
            let outline = message::Outline::read(&frame).unwrap();
            let Detail::Append { prev, .. } = glance.detail else { panic!("{glance:?}") };
            // The sender has numbered its entries itself.
            assert_eq!(outline.last_index(), glance.index.map(|index| index.0));
            assert!(next.is_none_or(|next| next >= prev.index));
            next = glance.index;
        }
    }
}

fn written(kind: StreamKind, framing: Framing, frames: &[Bytes]) -> BytesMut {
    let (mut encoder, mut bytes) = (EtcdEncoder::stream(kind, framing), BytesMut::new());
    for frame in frames {
        // A sign of life before each.
        encoder.encode(Bytes::new(), &mut bytes).unwrap();
        encoder.encode(frame.clone(), &mut bytes).unwrap();
    }
    bytes
}

#[test]
fn what_was_read_from_one_stream_can_be_written_to_any() {
    for golden in &GOLDEN {
        let frames = golden.frames();
        for kind in [StreamKind::Message, StreamKind::MsgApp] {
            for framing in [Framing::Chunked, Framing::UntilClosed] {
                let mut bytes = written(kind, framing, &frames);
                let mut decoder = EtcdDecoder::stream(kind, framing, 1, 2);
                assert_eq!(all(&mut decoder, &mut bytes).unwrap(), frames);
            }
        }
    }
}

#[test]
fn a_snapshot_is_a_message_and_pieces_and_an_end() {
    let message = Bytes::from_static(&[8, 7]);
    for framing in [Framing::Chunked, Framing::Length(8 + 2 + 5)] {
        let (mut encoder, mut bytes) = (EtcdEncoder::snapshot(framing), BytesMut::new());
        for frame in [message.clone(), "data".into(), "b".into(), Bytes::new()] {
            encoder.encode(frame, &mut bytes).unwrap();
        }
        for cut in 0..=bytes.len() {
            let mut decoder = EtcdDecoder::snapshot(framing);
            let mut buffer = BytesMut::from(&bytes[..cut]);
            let mut frames = all(&mut decoder, &mut buffer).unwrap();
            buffer.extend_from_slice(&bytes[cut..]);
            frames.extend(all(&mut decoder, &mut buffer).unwrap());
            let (first, rest) = frames.split_first().unwrap();
            let (last, pieces) = rest.split_last().unwrap();
            assert_eq!((first, last), (&message, &Bytes::new()), "cut at {cut}");
            assert_eq!(pieces.concat(), b"datab");
        }
    }
}

#[test]
fn a_message_may_be_a_whole_body() {
    for framing in [Framing::Length(3), Framing::Chunked] {
        let sent = if framing == Framing::Chunked { "3\r\nabc\r\n0\r\n\r\n" } else { "abc" };
        let mut decoder = EtcdDecoder::post(framing);
        let (first, rest) = sent.split_at(2);
        let mut buffer = first.into();
        assert_eq!(decoder.decode(&mut buffer).unwrap(), None);
        buffer.put_slice(rest.as_bytes());
        assert_eq!(decoder.decode(&mut buffer).unwrap().unwrap(), "abc");
    }
}

#[test]
fn a_length_that_cannot_be_is_refused_before_anything_is_kept_for_it() {
    let long = (MAX_MESSAGE as u64 + 1).to_be_bytes();
    let one = 1_u64.to_be_bytes();
    let cases: [(StreamKind, &[&[u8]]); 4] = [
        (StreamKind::Message, &[&long]),
        (StreamKind::MsgApp, &[&[2], &long]),
        (StreamKind::MsgApp, &[&[1], &one, &long]),
        (StreamKind::MsgApp, &[&[1], &[0xff; 8]]),
    ];
    for (kind, parts) in cases {
        let mut decoder = EtcdDecoder::stream(kind, Framing::UntilClosed, 1, 2);
        let error = decoder.decode(&mut parts.concat()[..].into()).unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
    }
    let mut decoder = EtcdDecoder::stream(StreamKind::MsgApp, Framing::UntilClosed, 1, 2);
    assert!(decoder.decode(&mut [3][..].into()).unwrap_err().to_string().contains("type 3"));
}

/// A stream of `msgapp` as a member writes it: appends that go on, with a whole message before those that do not.
fn short_form(appends: &[(u64, u64, Vec<Vec<u8>>)]) -> (BytesMut, Vec<Bytes>) {
    let (mut stream, mut meant) = (BytesMut::new(), Vec::new());
    let (mut now, mut next) = (0, 0);
    for (term, index, entries) in appends {
        let bytes = entries.iter().map(Vec::as_slice);
        let append = |head: AppendHead| message::append(&head, bytes.clone(), *index, 0);
        if *term == now {
            stream.put_u8(1);
            stream.put_u64(entries.len() as u64);
            for entry in entries {
                stream.put_u64(entry.len() as u64);
                stream.put_slice(entry);
            }
            stream.put_u64(*index);
            meant.push(append(AppendHead { from: 1, to: 2, term: now, index: next }));
            next += entries.len() as u64;
        } else {
            let whole = message::append(
                &AppendHead { from: 1, to: 2, term: *term, index: *index },
                std::iter::empty(),
                0,
                0,
            );
            super::stream::put(StreamKind::MsgApp, &whole, &mut stream);
            meant.push(whole);
            (now, next) = (*term, *index);
        }
    }
    (stream, meant)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_stream_in_any_pieces_is_what_was_meant(
        appends in prop::collection::vec((1..4_u64, 0..99_u64, prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4)), 0..12),
        cuts in prop::collection::vec(1..200_usize, 1..20),
    ) {
        let (stream, meant) = short_form(&appends);
        let mut decoder = EtcdDecoder::stream(StreamKind::MsgApp, Framing::UntilClosed, 1, 2);
        let (mut buffer, mut rest, mut read) = (BytesMut::new(), &stream[..], Vec::new());
        for cut in cuts.iter().cycle() {
            let (piece, later) = rest.split_at((*cut).min(rest.len()));
            buffer.extend_from_slice(piece);
            read.extend(all(&mut decoder, &mut buffer).unwrap());
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read, meant);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for kind in [StreamKind::Message, StreamKind::MsgApp] {
            let mut decoder = EtcdDecoder::stream(kind, Framing::UntilClosed, 1, 2);
            let _ = all(&mut decoder, &mut bytes[..].into());
        }
        let _ = message::glance(&bytes);
    }
}
