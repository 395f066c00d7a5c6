//! The few colours of the command line, by role. Nothing is told by colour alone.

/// The palette; `true` if text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette(pub bool);

impl Palette {
    /// Paints a heading, or a word that matters.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Paints something that is as it should be.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Paints something to look at.
    pub fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Paints something wrong.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Paints something that may be overlooked.
    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
