//! Numbers for people.

/// `1,234,567`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 write`, `2 writes`.
pub fn writes(n: u64) -> String {
    format!("{} {}", thousands(n), if n == 1 { "write" } else { "writes" })
}
