//! Stories of features served from an instance.

mod leases;
mod line_items;
mod metered;
mod pools;
mod property;
mod reservations;
mod serving;
mod shop;
