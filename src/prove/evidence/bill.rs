//! The bill of materials (CycloneDX 1.5): every crate that `Cargo.lock` names, of the whole workspace, what is for tests included.

use serde_json::{Value, json};
use toml::Table;

/// What this program was built from.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The bill as JSON.
pub(super) fn cyclone_dx() -> Value {
    let lock: Table = LOCK.parse().unwrap_or_default();
    let packages = lock.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let components: Vec<Value> = packages.iter().filter_map(component).collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "name": "tonegate", "version": env!("CARGO_PKG_VERSION")},
            "properties": [{"name": "source", "value": "Cargo.lock of the workspace, crates for tests included"}],
        },
        "components": components,
    })
}

fn component(package: &toml::Value) -> Option<Value> {
    let (name, version) = (package.get("name")?.as_str()?, package.get("version")?.as_str()?);
    let address = format!("pkg:cargo/{name}@{version}");
    let mut component =
        json!({"type": "library", "bom-ref": address, "name": name, "version": version, "purl": address});
    if let Some(checksum) = package.get("checksum").and_then(toml::Value::as_str) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    Some(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_is_on_the_bill_with_its_checksum() {
        let bill = cyclone_dx();
        let components = bill["components"].as_array().unwrap();
        assert_eq!(components.len(), LOCK.matches("[[package]]").count());
        let of = |name: &str| components.iter().find(|component| component["name"] == name).unwrap();
        assert!(of("rustls")["hashes"][0]["content"].as_str().unwrap().len() == 64);
        assert!(of("tonegate-vault")["purl"].as_str().unwrap().starts_with("pkg:cargo/tonegate-vault@"));
    }
}
