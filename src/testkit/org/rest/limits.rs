//! `limits`: what is left of each allowance. Those that the org does not keep are always whole.

use serde_json::json;

use crate::{call::Reply, world::World};

pub(super) fn answer(world: &World) -> Reply {
    let used = world.counters.used(world.now());
    let daily = world.counters.daily;
    let whole = |max: u64| json!({"Max": max, "Remaining": max});
    Reply::json(
        200,
        json!({
            "DailyApiRequests": {"Max": daily, "Remaining": daily.saturating_sub(used)},
            "DailyBulkApiBatches": whole(15_000),
            "DailyBulkV2QueryJobs": whole(10_000),
            "DailyDeliveredPlatformEvents": whole(25_000),
            "HourlyPublishedPlatformEvents": whole(250_000),
            "DataStorageMB": whole(1_024),
        }),
    )
}
