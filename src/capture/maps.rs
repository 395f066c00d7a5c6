//! dlq's own maps, for loggers that many services use. `docs/maps.md` says what a service has to log for each.

const MAPS: [(&str, &str); 5] = [
    ("structlog", include_str!("../../maps/structlog.jq")),
    ("pino", include_str!("../../maps/pino.jq")),
    ("zap", include_str!("../../maps/zap.jq")),
    ("logback", include_str!("../../maps/logback.jq")),
    ("nginx", include_str!("../../maps/nginx.jq")),
];

/// Returns the text of one of dlq's own maps.
pub fn built_in_map(name: &str) -> Option<&'static str> {
    MAPS.iter().find(|(own, _)| *own == name).map(|(_, text)| *text)
}

/// Returns the names of dlq's own maps.
pub fn built_in_maps() -> impl Iterator<Item = &'static str> {
    MAPS.iter().map(|(name, _)| *name)
}
