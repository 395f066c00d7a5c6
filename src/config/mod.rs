//! The config file and the environment: the settings of each target, and who is asking.

mod file;
mod lengths;
mod maps;
mod operator;
mod targets;
mod token;
mod views;

pub use file::Config;
pub use maps::NamedMap;
pub use operator::current_operator;
pub use token::{TOKEN_VARIABLE, TokenError, missing_token, open_to_others, read_token, token_source};
pub use views::Views;
