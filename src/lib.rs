#![doc = include_str!("../README.md")]

pub mod capture;
pub mod cli;
pub mod config;
pub mod domain;
pub mod query;
pub mod render;
pub mod replay;
pub mod sandbox;
pub mod store;
