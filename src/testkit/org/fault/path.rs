//! Which paths of requests there are, so that an order that no request can meet is refused.

use crate::schema::Schema;

/// What begins a path that is given whole.
const DATA: &str = "/services/data/";
const TOKEN: &str = "/services/oauth2/token";
/// What may stand behind the version, alone.
const ALONE: [&str; 4] = ["composite", "composite/graph", "composite/sobjects", "limits"];
/// What goes on by an id, or not at all.
const ONWARD: [&str; 4] = ["jobs/ingest", "query", "queryAll", "sobjects"];
/// What goes on by the name of an object.
const OF_OBJECTS: [&str; 2] = ["composite/sobjects/", "sobjects/"];

/// Why no request has a path that begins so.
///
/// # Errors
/// What is wrong with it, and what there is instead.
pub(super) fn check(path: &str, schema: &Schema) -> Result<(), String> {
    let behind = match path.strip_prefix(DATA) {
        None if [DATA, TOKEN].iter().any(|known| known.starts_with(path)) => return Ok(()),
        None => path,
        Some(rest) => match rest.split_once('/') {
            None if rest.is_empty() || rest.starts_with('v') => return Ok(()),
            Some((version, behind)) if is_version(version) => behind,
            None | Some(_) => return Err(format!("no version of the API is called so: {path}")),
        },
    };
    match OF_OBJECTS.iter().find_map(|prefix| behind.strip_prefix(prefix)) {
        Some(rest) => of_object(rest, schema),
        None if is_resource(behind) => Ok(()),
        None => {
            let known = [TOKEN].into_iter().chain(ALONE).chain(ONWARD).collect::<Vec<_>>().join(", ");
            Err(format!("no request has a path that begins with {path}; paths begin with {known}"))
        }
    }
}

/// Where only the beginning of a name is given, it may be that of several.
fn of_object(rest: &str, schema: &Schema) -> Result<(), String> {
    let (name, is_whole) = rest.split_once('/').map_or((rest, false), |(name, _)| (name, true));
    let begins = |known: &str| known.get(..name.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(name));
    let is_known =
        if is_whole { schema.object(name).is_some() } else { schema.objects().any(|object| begins(&object.name)) };
    if is_known { Ok(()) } else { Err(schema.unknown(name)) }
}

fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|number| number.parse::<f32>().is_ok_and(f32::is_finite))
}

fn is_resource(path: &str) -> bool {
    let goes_on = |known: &&str| path.strip_prefix(*known).is_some_and(|rest| rest.starts_with('/'));
    ALONE.iter().chain(&ONWARD).any(|known| known.starts_with(path)) || ONWARD.iter().any(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::COLLECTXPERT;

    #[test]
    fn an_order_is_taken_for_what_a_request_can_ask() {
        let schema = Schema::parse(COLLECTXPERT).unwrap();
        for path in [
            "",
            "/",
            "/services/oauth2/token",
            "/services/data/",
            "/services/data/v68",
            "/services/data/v68.0/query",
            "quer",
            "query/01g",
            "limits",
            "composite",
            "composite/graph",
            "composite/sobjects/cxp__dispute__c/cxp__External_Id__c",
            "jobs/ingest/750",
            "sobjects",
            "sobjects/cxp__Dispute",
            "sobjects/cxp__Dispute__c/",
        ] {
            assert_eq!(check(path, &schema), Ok(()), "{path}");
        }
    }

    #[test]
    fn what_no_request_can_ask_is_refused_with_what_there_is() {
        let schema = Schema::parse(COLLECTXPERT).unwrap();
        for (path, told) in [
            ("/services/oauth2/tokens", "begin with /services/oauth2/token"),
            ("/services/data/68/query", "no version"),
            ("/services/data/v68.0/quary", "queryAll, sobjects"),
            ("sobject/cxp__Dispute__c", "jobs/ingest"),
            ("limits/today", "limits"),
            ("composite/batch", "composite/graph"),
            ("sobjects/Dispute__c", "cxp__Dispute__c"),
            ("sobjects/cxp__Dispute/x", "cxp__Dispute__c"),
            ("composite/sobjects/Nothing", "Contact"),
        ] {
            let why = check(path, &schema).unwrap_err();
            assert!(why.contains(told), "{path}: {why}");
        }
    }
}
