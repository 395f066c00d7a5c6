//! `--follow`: files that grow, read across their rotation. A place in a file is committed together with the lines before it,
//! so that a follower that is killed goes on where its last commit ended, and no line is missed or in twice.
//!
//! A file that was renamed is known again by its inode, a copy of one that was truncated by its content. What came
//! between them is read in the order in which the files were written.

mod follower;
mod reading;
mod rotation;
#[cfg(test)]
mod tests;

pub(super) use follower::{Followed, follow};
