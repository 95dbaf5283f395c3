//! Which versions there are, and what a version has. The list needs no session and counts against nothing.

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply, SERVED};

/// The version that came with Winter '27.
const WINTER_27: u16 = 68;

/// The list of versions, where a request is for that.
pub(crate) fn versions(method: &str, address: &str) -> Option<Reply> {
    let path = address.split('?').next().unwrap_or_default();
    if path.trim_end_matches('/') != "/services/data" || method != "GET" {
        return None;
    }
    let one = |number: u16| {
        let url = format!("/services/data/v{number}.0");
        json!({"label": label(number), "url": url, "version": format!("{number}.0")})
    };
    Some(Reply::json(200, SERVED.map(one).collect()))
}

/// Three releases a year, named by their season.
fn label(number: u16) -> String {
    let (years, season) = match WINTER_27.saturating_sub(number) % 3 {
        0 => (WINTER_27.saturating_sub(number) / 3, "Winter"),
        1 => (WINTER_27.saturating_sub(number) / 3 + 1, "Summer"),
        _ => (WINTER_27.saturating_sub(number) / 3 + 1, "Spring"),
    };
    format!("{season} '{:02}", 27_u16.saturating_sub(years))
}

/// What a version has.
pub(super) fn resources(call: &Call<'_>) -> Reply {
    let base = call.base();
    let names = ["composite", "jobs", "limits", "query", "queryAll", "sobjects"];
    let found: Map<String, Value> =
        names.iter().map(|&name| (name.to_owned(), Value::from(format!("{base}/{name}")))).collect();
    Reply::json(200, Value::Object(found))
}
