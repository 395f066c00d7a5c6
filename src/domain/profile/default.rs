//! The profile of targets that name none.

use std::sync::{Arc, LazyLock};

use super::Profile;
use super::file::{Profiles, effective};

/// The profile of targets that name none.
const DEFAULT_PROFILE: &str = "experiture";

/// Returns the profile of targets that name none.
pub fn built_in() -> Arc<Profile> {
    static DEFAULT: LazyLock<Arc<Profile>> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "the profile is a part of the program, and a test reads it")]
        Arc::new(effective(DEFAULT_PROFILE, &Profiles::new()).expect("the built-in profile"))
    });
    Arc::clone(&DEFAULT)
}
