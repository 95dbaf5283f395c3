//! What lies under `/services/data/` (REST API Developer Guide): which resource a request is for.

mod collection;
mod composite;
mod describe;
mod graph;
mod limits;
mod query;
mod reference;
mod row;
mod upsert;
mod versions;

pub(crate) use collection::upsert as upsert_record;
pub(crate) use query::Cursors;
pub(crate) use versions::versions;

use crate::{
    call::{Call, Reply},
    failure::Failure,
    ingest,
    world::World,
};

/// Answers a request of somebody who is signed in.
pub(crate) fn answer(world: &mut World, call: &Call<'_>) -> Result<Reply, Failure> {
    match call.parts().as_slice() {
        [] => Ok(versions::resources(call)),
        ["composite"] => composite::answer(world, call),
        ["composite", "graph"] => graph::answer(world, call),
        ["jobs", "ingest", rest @ ..] => ingest::answer(world, call, rest),
        ["limits"] => Ok(limits::answer(world)),
        _ => part(world, call),
    }
}

/// Answers what may also be a part of a composite.
fn part(world: &mut World, call: &Call<'_>) -> Result<Reply, Failure> {
    match call.parts().as_slice() {
        ["query" | "queryAll", rest @ ..] => query::answer(world, call, rest),
        ["composite", "sobjects", rest @ ..] => collection::answer(world, call, rest),
        ["sobjects", rest @ ..] => object(world, call, rest),
        _ => Err(Failure::not_found()),
    }
}

/// Answers what is under `sobjects`: all that a graph may hold.
fn object(world: &mut World, call: &Call<'_>, rest: &[&str]) -> Result<Reply, Failure> {
    match rest {
        [] => Ok(describe::every(world, call)),
        [object] => row::of_object(world, call, object),
        [object, "describe"] => describe::one(world, call, object),
        [object, id] => row::answer(world, call, object, id),
        [object, field, key] => upsert::answer(world, call, object, field, key),
        _ => Err(Failure::not_found()),
    }
}
