//! Prints the table of words as docs/grammar.md shows it. `cargo xtask grammar` puts it into the page.

#[path = "../tests/support/words.rs"]
mod words;

fn main() {
    print!("{}", words::listed());
}
