//! A file for each subcommand.

pub(crate) mod access;
pub(crate) mod action;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod condition;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod instance;
mod instance_rights;
pub(crate) mod key;
pub(crate) mod line_item;
pub(crate) mod login;
pub(crate) mod migrate;
pub(crate) mod model;
pub(crate) mod rate_table;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod signing_key;
pub(crate) mod token;
pub(crate) mod usage;
pub(crate) mod user;
pub(crate) mod verify;
