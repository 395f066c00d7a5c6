//! The built-in profiles.

const BUILT_IN: [(&str, &str); 7] = [
    ("experiture", include_str!("../../../profiles/experiture.toml")),
    ("problem", include_str!("../../../profiles/problem.toml")),
    ("generic", include_str!("../../../profiles/generic.toml")),
    ("stripe", include_str!("../../../profiles/stripe.toml")),
    ("github", include_str!("../../../profiles/github.toml")),
    ("shopify", include_str!("../../../profiles/shopify.toml")),
    ("hubspot", include_str!("../../../profiles/hubspot.toml")),
];

/// Returns the text of a built-in profile.
pub(super) fn built_in_text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(found, _)| *found == name).map(|(_, text)| *text)
}

/// Returns the names of the built-in profiles.
pub fn built_in_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}
