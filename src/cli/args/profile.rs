//! The options of `profile`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Profile {
    /// List the profiles: built in, and of the config
    List,
    /// Print a profile as TOML, with all that it extends
    Show {
        /// The profile's name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Say what a profile makes of an answer, and which of its lines decides
    Test(ProfileTest),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ProfileTest {
    /// The profile's name
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// The answer's HTTP status
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(100..=599))]
    pub(in crate::cli) status: u16,
    /// A header of the answer; may be given several times
    #[arg(long, value_name = "NAME: VALUE")]
    pub(in crate::cli) header: Vec<String>,
    /// The file with the answer's body; `-` is stdin [default: an empty body]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) body: Option<PathBuf>,
    /// The method of the request
    #[arg(long, value_name = "METHOD", default_value = "POST")]
    pub(in crate::cli) method: String,
    /// An earlier request may have been applied
    #[arg(long)]
    pub(in crate::cli) ambiguous: bool,
}
