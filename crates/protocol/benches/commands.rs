//! What it costs to write a command down and to read it. `cargo bench -p raftdeck-protocol`.

use divan::{Bencher, black_box};
use raftdeck_protocol::Write;
use raftdeck_protocol::kv::{Action, Command, CommandOf, LoggedTime, SessionId, SessionWrite};

fn main() {
    divan::main();
}

fn command(value: usize) -> Command {
    let write = Write::Put { key: "key-00012345".into(), value: vec![7; value].into() };
    let write =
        SessionWrite { session: SessionId(1234), sequence: 5_000_000, acknowledged: 4_999_999, write };
    Command { at: LoggedTime(1_700_000_000_000_000), action: Action::SessionWrite(write) }
}

#[divan::bench(args = [16, 256, 4096])]
fn encode(bencher: Bencher, value: usize) {
    let command = command(value);
    bencher.bench(|| black_box(&command).encode());
}

#[divan::bench(args = [16, 256, 4096])]
fn decode(bencher: Bencher, value: usize) {
    let bytes = command(value).encode();
    bencher.bench(|| CommandOf::decode(black_box(&bytes)).map(|command| command.at));
}
