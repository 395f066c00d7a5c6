//! The operator at the keyboard.

use crate::domain::run::Operator;

/// Returns the operator: `name` if it was given, else the login; with the numeric user ID and the host, which can't be chosen.
pub fn current_operator(name: Option<&str>) -> Operator {
    let uid = rustix::process::getuid().as_raw();
    let login = || ["USER", "LOGNAME"].iter().find_map(|v| std::env::var(v).ok().filter(|v| !v.is_empty()));
    let known = || {
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        let of_uid = |line: &&str| line.split(':').nth(2) == Some(uid.to_string().as_str());
        Some(users.lines().find(of_uid)?.split(':').next()?.to_owned())
    };
    Operator {
        name: name.map(str::to_owned).or_else(login).or_else(known).unwrap_or_else(|| format!("uid {uid}")),
        uid,
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
    }
}
