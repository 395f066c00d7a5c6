//! Replies of the terminal among the keys: what its background is. A reply may come late, and must never be taken for
//! keys.

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Asks the terminal for its background (OSC 11).
pub(super) const QUESTION: &[u8] = b"\x1b]11;?\x1b\\";
/// Time for which a reply is of use: colours that change later would only confuse.
const IN_TIME: Duration = Duration::from_secs(2);
/// The longest pause within a reply.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest reply, in characters.
const LONGEST: usize = 64;

/// What became of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sorted {
    /// It may be part of a reply.
    Held,
    /// These are keys.
    Keys(Vec<KeyEvent>),
    /// A reply was complete: true if the background is light; `None` if it came too late or can't be read.
    Background(Option<bool>),
}

/// Sorts keys and replies. A terminal's reader takes `ESC ]` for Alt-], and what follows for the keys of its characters.
#[derive(Debug)]
pub(super) struct Replies {
    asked_at: Instant,
    held: Vec<KeyEvent>,
    last: Instant,
}

impl Replies {
    /// Starts when the terminal is asked.
    pub(super) fn asked(now: Instant) -> Self {
        Self { asked_at: now, held: Vec::new(), last: now }
    }

    pub(super) fn sort(&mut self, key: KeyEvent, now: Instant) -> Sorted {
        let has = |modifier| key.modifiers.contains(modifier);
        let pause = now.duration_since(self.last);
        self.last = now;
        if self.held.is_empty() {
            if key.code == KeyCode::Char(']') && has(KeyModifiers::ALT) {
                self.held.push(key);
                return Sorted::Held;
            }
            return Sorted::Keys(vec![key]);
        }
        let is_end = match key.code {
            KeyCode::Char('\\') => has(KeyModifiers::ALT),
            KeyCode::Char('g') => has(KeyModifiers::CONTROL),
            _ => false,
        };
        if is_end {
            let text: String = self.held.drain(..).skip(1).filter_map(|key| key.code.as_char()).collect();
            let is_in_time = now.duration_since(self.asked_at) <= IN_TIME;
            return Sorted::Background(is_light(&text).filter(|_| is_in_time));
        }
        let fits = key.code.as_char().is_some_and(|c| c.is_ascii_hexdigit() || ";:/rgba?".contains(c));
        self.held.push(key);
        if fits && pause <= PAUSE && self.held.len() <= LONGEST {
            return Sorted::Held;
        }
        Sorted::Keys(std::mem::take(&mut self.held))
    }
}

/// Returns true if `11;rgb:ffff/ffff/ffff` is a light colour; `None` if it is no colour.
fn is_light(text: &str) -> Option<bool> {
    let colour = text.strip_prefix("11;")?;
    let parts = colour.strip_prefix("rgb:").or_else(|| colour.strip_prefix("rgba:"))?;
    let part = |text: &str| {
        let most = 16u32.checked_pow(u32::try_from(text.len()).ok()?)? - 1;
        Some(f64::from(u32::from_str_radix(text, 16).ok()?) / f64::from(most.max(1)))
    };
    let mut parts = parts.split('/').map(part);
    let [red, green, blue] = [parts.next()??, parts.next()??, parts.next()??];
    // Brightness as the eye weighs colours (ITU-R BT.709).
    Some(0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(c: char, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(c), modifiers)
    }

    fn feed(replies: &mut Replies, text: &str, now: Instant) -> Vec<Sorted> {
        let mut sorted = vec![replies.sort(key(']', KeyModifiers::ALT), now)];
        sorted.extend(text.chars().map(|c| replies.sort(key(c, KeyModifiers::NONE), now)));
        sorted
    }

    #[test]
    fn a_reply_is_read_and_never_taken_for_keys_however_late_it_is() {
        let start = Instant::now();
        for (after, light) in [(Duration::ZERO, Some(true)), (Duration::from_mins(1), None)] {
            for end in [key('g', KeyModifiers::CONTROL), key('\\', KeyModifiers::ALT)] {
                let mut replies = Replies::asked(start);
                let now = start + after;
                assert!(feed(&mut replies, "11;rgb:ffff/fafa/f0f0", now).iter().all(|s| *s == Sorted::Held));
                assert_eq!(replies.sort(end, now), Sorted::Background(light));
                let next = key('q', KeyModifiers::NONE);
                assert_eq!(replies.sort(next, now), Sorted::Keys(vec![next]));
            }
        }
    }

    #[test]
    fn what_is_no_reply_is_keys() {
        let start = Instant::now();
        let mut replies = Replies::asked(start);
        let sorted = feed(&mut replies, "1x", start);
        assert!(matches!(&sorted[2], Sorted::Keys(keys) if keys.len() == 3));
        let mut replies = Replies::asked(start);
        replies.sort(key(']', KeyModifiers::ALT), start);
        let late = replies.sort(key('1', KeyModifiers::NONE), start + Duration::from_secs(5));
        assert!(matches!(late, Sorted::Keys(keys) if keys.len() == 2));
    }

    #[test]
    fn colours_are_light_or_dark() {
        for (text, light) in [
            ("11;rgb:0000/0000/0000", Some(false)),
            ("11;rgb:1e/1e/2e", Some(false)),
            ("11;rgb:fd/f6/e3", Some(true)),
            ("11;rgb:f/f/f", Some(true)),
            ("11;rgba:ffff/ffff/ffff/ffff", Some(true)),
            ("11;#ffffff", None),
            ("12;rgb:ff/ff/ff", None),
            ("11;rgb:gg/00/00", None),
        ] {
            assert_eq!(is_light(text), light, "{text}");
        }
    }
}
