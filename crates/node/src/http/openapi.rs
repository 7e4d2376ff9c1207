//! The OpenAPI 3.1 description of this interface. Written by hand; the tests compare it with the routes and with real
//! answers.

use crate::http::answer::Refusal;
use crate::http::parameters;
use axum::extract::RawQuery;
use axum::http::{HeaderName, header};

const DESCRIPTION: &str = include_str!("openapi.json");

pub(super) async fn description(
    RawQuery(query): RawQuery,
) -> Result<([(HeaderName, &'static str); 1], &'static str), Refusal> {
    parameters(query.as_deref(), &[])?;
    Ok(([(header::CONTENT_TYPE, "application/json")], DESCRIPTION))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::table;
    use serde_json::Value;
    use std::collections::BTreeMap;

    #[test]
    fn every_route_is_described_and_every_described_route_is_served() {
        let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
        assert_eq!(description["openapi"], "3.1.0");
        assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
        let described: BTreeMap<String, Vec<String>> = description["paths"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(path, methods)| (path.clone(), methods.as_object().unwrap().keys().cloned().collect()))
            .collect();
        // What HEAD and OPTIONS do is the same everywhere, and is described once, in words.
        let methods = |allow: &str| {
            let methods = allow.split(", ").filter(|method| !["HEAD", "OPTIONS"].contains(method));
            methods.map(str::to_lowercase).collect()
        };
        let served = table().iter().map(|route| (route.path.to_owned(), methods(route.allow))).collect();
        assert_eq!(described, served);
    }
}
