//! What was asked for at the palette and is shown over the view until a key closes it.

/// An answer that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaletteAnswer {
    /// The state of the cluster in words, as it is at the drawing.
    Status,
    /// A text of its own.
    Text {
        /// Above it.
        title: String,
        /// The text.
        text: String,
    },
}
