//! The org over real TLS connections: each endpoint, and each fault.

mod admin;
mod bulk;
mod client;
mod collection;
mod composite;
mod faults;
mod graph;
mod query;
mod row;
mod token;
