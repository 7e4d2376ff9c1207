//! A panic of the code under test is a finding, not the end of the simulator: it is caught, and kept off the screen.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static WORDS: RefCell<String> = const { RefCell::new(String::new()) };
}

static HOOK: Once = Once::new();

/// Runs `work`; if it panics, gives the message and the place.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if WATCHED.get() {
                let place =
                    info.location().map_or(String::new(), |at| format!(" ({}:{})", at.file(), at.line()));
                let message = info.payload_as_str().unwrap_or("a panic without a message");
                WORDS.set(format!("{message}{place}"));
            } else {
                others(info);
            }
        }));
    });
    WATCHED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    WATCHED.set(false);
    result.map_err(|_| WORDS.take())
}
