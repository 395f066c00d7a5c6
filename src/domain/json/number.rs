//! Numbers as `CPython` prints them after reading them.

/// The most digits that `CPython` turns into an `int` (`sys.int_info.default_max_str_digits`).
pub(super) const MAX_INT_DIGITS: usize = 4300;

/// Returns `repr(int(text))`: `-0` is `0`; `None` above [`MAX_INT_DIGITS`].
pub(super) fn int_repr(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() > MAX_INT_DIGITS {
        return None;
    }
    Some(if digits == "0" { "0" } else { text })
}

/// Returns `float(text)`: correctly rounded, infinite when it is too large.
pub(super) fn float(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// Returns `repr` of a finite float: the shortest digits that read back, ties to even (ryu; the standard library's `{:?}`
/// breaks ties otherwise), laid out as `CPython` does: exponents below -4 and from 16 on in scientific form.
pub(super) fn float_repr(value: f64) -> String {
    let mut buffer = ryu::Buffer::new();
    let (sign, text) = match buffer.format_finite(value).strip_prefix('-') {
        Some(rest) => ("-", rest.to_owned()),
        None => ("", buffer.format_finite(value).to_owned()),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading_zeros = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_matches('0');
    if digits.is_empty() {
        return format!("{sign}0.0");
    }
    // The value is 0.DIGITS times ten to the power of `point`.
    let point = int(whole.len()) - int(leading_zeros) + exponent;
    let scientific = point - 1;
    let body = if !(-4..16).contains(&scientific) {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let minus = if scientific < 0 { '-' } else { '+' };
        format!("{first}{dot}{rest}e{minus}{:02}", scientific.abs())
    } else if point <= 0 {
        format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize))
    } else {
        let point = point.unsigned_abs() as usize;
        if digits.len() <= point {
            format!("{digits}{}.0", "0".repeat(point - digits.len()))
        } else {
            format!("{}.{}", &digits[..point], &digits[point..])
        }
    };
    format!("{sign}{body}")
}

fn int(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}
