//! A file that is cut off, damaged, or something else: never a panic, and never anything that was not recorded.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod fixture;

use crc32c::{crc32c, crc32c_append};
use fixture::{header, read, record_one_by_one, short};
use flate2::Compression;
use flate2::read::DeflateEncoder;
use raftdeck_model::{News, Update};
use raftdeck_record::format::{MAGIC, MAX_INFLATED, VERSION};
use raftdeck_record::{Ending, ReadError, Recording, RecordingEnd};
use std::io::Read;
use std::time::Duration;

#[test]
fn a_file_cut_at_any_length_plays_up_to_there() {
    let updates = short();
    let file = record_one_by_one(&updates);
    let mut most = 0;
    for length in 0..file.len() {
        match Recording::read(&file[..length]) {
            Ok(recording) => {
                let count = recording.updates.len();
                assert!(count >= most, "a longer piece plays no less");
                most = count;
                assert_eq!(recording.updates[..], updates[..count], "{length} bytes");
                let Ending::Cut(place) = recording.ending else { panic!("{:?}", recording.ending) };
                assert!(place.bytes <= length as u64);
                assert_eq!(place.at, updates[..count].last().map(|update| update.at).unwrap_or_default());
            }
            Err(error) => assert!(most == 0 && !error.to_string().is_empty(), "{length}: {error}"),
        }
    }
    assert_eq!(most, updates.len());
    assert_eq!(read(&file).ending, Ending::Complete);
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let updates = short();
    let file = record_one_by_one(&updates);
    for place in 0..file.len() {
        for bit in [0, 7] {
            let mut damaged = file.clone();
            damaged[place] ^= 1 << bit;
            if let Ok(recording) = Recording::read(&damaged[..]) {
                let count = recording.updates.len();
                assert_eq!(recording.updates[..], updates[..count], "byte {place}");
                assert_eq!(recording.header, header());
                assert_ne!(recording.ending, Ending::Complete, "byte {place}");
            }
        }
    }
}

#[test]
fn a_block_that_is_missing_in_the_middle_is_noticed() {
    let updates = short();
    let whole = record_one_by_one(&updates);
    let first = record_one_by_one(&updates[..1]).len() - record_one_by_one(&[]).len();
    let begin = record_one_by_one(&[]).len() - block(0, 4, &[]).len();
    let gap = [&whole[..begin], &whole[begin + first..]].concat();
    let recording = read(&gap);
    assert_eq!(recording.updates, []);
    let place = RecordingEnd { at: Duration::ZERO, bytes: begin as u64 };
    assert_eq!(recording.ending, Ending::Damaged(place));
    assert_eq!(
        recording.ending.to_string(),
        format!("the recording is damaged from byte {begin}: only the part until 0ms can be played")
    );
}

#[test]
fn another_file_is_no_recording_and_another_version_is_refused_by_name() {
    for other in [&b""[..], b"RDECK", b"#!/bin/sh\nexit 0\n", b"RDECKRED\0\0\0\x01"] {
        let error = Recording::read(other).unwrap_err();
        assert!(matches!(error, ReadError::NotARecording), "{error}");
        assert!(error.to_string().contains("--record FILE"), "{error}");
    }
    let version = |version: u32| [&MAGIC[..], &version.to_be_bytes()].concat();
    let newer = Recording::read(&version(2)[..]).unwrap_err().to_string();
    assert!(newer.contains("made by a newer raftdeck: its format is version 2"), "{newer}");
    let older = Recording::read(&version(0)[..]).unwrap_err().to_string();
    assert!(older.contains("made by an older raftdeck"), "{older}");
    let error = Recording::read(&version(VERSION)[..]).unwrap_err();
    assert!(matches!(error, ReadError::NoHeader), "{error}");
}

fn deflate(lines: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    DeflateEncoder::new(lines, Compression::default()).read_to_end(&mut body).unwrap();
    body
}

/// A block as a recorder writes one, with any body.
fn block(place: u64, kind: u8, lines: &[u8]) -> Vec<u8> {
    raw(place, kind, &deflate(lines))
}

fn raw(place: u64, kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let head = crc32c_append(crc32c(&place.to_be_bytes()), &[kind]);
    let checksum = crc32c_append(crc32c_append(head, &length), body);
    [&[kind][..], &length, &checksum.to_be_bytes(), body].concat()
}

fn file(blocks: &[(u8, &[u8])]) -> Vec<u8> {
    let mut file = [&MAGIC[..], &VERSION.to_be_bytes()].concat();
    for (place, (kind, lines)) in (0..).zip(blocks) {
        file.extend(block(place, *kind, lines));
    }
    file
}

const TROUBLE: &[u8] = br#"{"at":{"secs":1,"nanos":0},"seq":1,"what":{"event":"trouble","reason":"x"}}"#;

#[test]
fn a_block_that_inflates_beyond_the_limit_is_damaged() {
    let bomb = deflate(&vec![b'\n'; MAX_INFLATED + 1]);
    for kind in [2, 3] {
        let mut file = file(&[(1, b"{}"), (2, TROUBLE)]);
        file.extend(raw(2, kind, &bomb));
        let recording = read(&file);
        assert_eq!(recording.updates.len(), 1);
        assert!(matches!(recording.ending, Ending::Damaged(_)), "{}", recording.ending);
    }
    let mut long = file(&[(1, b"{}")]);
    long.extend([2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 2, 3]);
    assert!(matches!(read(&long).ending, Ending::Damaged(_)), "a length beyond the limit is not waited for");
}

#[test]
fn what_a_later_program_writes_is_passed_over() {
    let newer = br#"{"at":{"secs":1,"nanos":0},"seq":1,"what":{"event":"telepathy","node":1}}"#;
    let wider =
        br#"{"at":{"secs":2,"nanos":0},"seq":2,"mood":1,"what":{"event":"trouble","reason":"x","node":1}}"#;
    let lines = [&newer[..], wider].join(&b'\n');
    let blocks = [(1, &br#"{"engine":"lab","planet":"mars"}"#[..]), (77, b"?"), (2, &lines[..]), (4, b"")];
    let recording = read(&file(&blocks));
    assert_eq!((recording.header.engine.as_str(), recording.header.seed), ("lab", None));
    assert_eq!(recording.unknown, 1);
    let what = News::Trouble { reason: "x".to_owned() };
    assert_eq!(recording.updates, [Update { at: Duration::from_secs(2), seq: 2, what }]);
    assert_eq!(recording.ending, Ending::Complete);
}

#[test]
fn blocks_that_no_recorder_writes_are_damage() {
    for blocks in [&[(1, &b"{}"[..]), (1, b"{}")][..], &[(1, b"{}"), (3, b"no moment")]] {
        assert!(matches!(read(&file(blocks)).ending, Ending::Damaged(_)));
    }
    for first in [(2, TROUBLE), (1, b"{"), (4, b"")] {
        assert!(matches!(Recording::read(&file(&[first])[..]), Err(ReadError::NoHeader)));
    }
    let mut file = file(&[(1, b"{}")]);
    file.extend(raw(1, 2, b"this is not deflated"));
    assert!(matches!(read(&file).ending, Ending::Damaged(_)));
}
