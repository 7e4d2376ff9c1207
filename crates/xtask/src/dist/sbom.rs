//! A bill of materials, in the CycloneDX 1.5 format.

use super::dependencies::Dependency;
use anyhow::Result;
use serde_json::{Value, json};

pub(super) fn text(dependencies: &[Dependency], version: &str) -> Result<String> {
    let components: Vec<Value> = dependencies.iter().map(component).collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": format!("pkg:cargo/raftdeck-tui@{version}"),
                "name": "raftdeck",
                "version": version,
                "purl": format!("pkg:cargo/raftdeck-tui@{version}"),
                "licenses": [{ "license": { "id": "MIT" } }],
            },
        },
        "components": components,
    });
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

fn component(dependency: &Dependency) -> Value {
    let package = &dependency.package;
    let purl = format!("pkg:cargo/{}@{}", package.name, package.version);
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version.to_string(),
        "purl": purl,
        "externalReferences": [{ "type": "distribution", "url": dependency.source() }],
    });
    if let Some(licence) = &package.license {
        // Some crates still write their alternatives as `MIT/Apache-2.0`, which is no expression.
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    if let Some(sum) = &dependency.sha256 {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}
