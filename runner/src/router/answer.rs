//! Interprets a response of the router, the service that forwards questions to model providers.

use serde_json::{Map, Value as Json};

use super::Answer;
use super::failure::{Failure, Kind};

/// Maximum number of bytes of an unusable body that are stored.
const MAX_STORED_BODY: usize = 2048;

/// Returns the answer in a response of the router, or a failure with the reason.
pub fn classify(status: u16, body: &[u8]) -> Result<Answer, Failure> {
    if !(200..300).contains(&status) {
        return Err(http_failure(status, body));
    }
    let json = match serde_json::from_slice(body) {
        Ok(Json::Object(json)) => json,
        Ok(_) => return Err(json_failure("the answer is not a JSON object", status, body)),
        Err(error) => {
            let reason = format!("the answer is not JSON: {error}");
            return Err(json_failure(&reason, status, body));
        }
    };
    if json.get("success") != Some(&Json::Bool(true)) {
        return Err(router_failure(&json, status));
    }
    match json.get("response") {
        None | Some(Json::Null) => {
            let message = "the router reports success without a response";
            Err(Failure::new(Kind::Router, message).with("http_status", status))
        }
        Some(response) => Ok(Answer {
            response: response.clone(),
            provider: provider(&json),
            metadata: json.get("metadata").cloned().unwrap_or(Json::Null),
        }),
    }
}

fn http_failure(status: u16, body: &[u8]) -> Failure {
    let text = stored_body(body);
    let json = serde_json::from_slice::<Json>(body).ok();
    let detail = json.as_ref().and_then(|json| json.get("detail")?.as_str());
    let detail = detail.unwrap_or(text.trim());
    let message = if detail.is_empty() {
        format!("router http {status}")
    } else {
        format!("router http {status}: {detail}")
    };
    Failure::new(Kind::Http(status), message).with("body", text)
}

fn json_failure(reason: &str, status: u16, body: &[u8]) -> Failure {
    Failure::new(Kind::Json, reason).with("http_status", status).with("body", stored_body(body))
}

/// Returns the failure that the router reports, with its code, provider and `failure` object.
fn router_failure(json: &Map<String, Json>, status: u16) -> Failure {
    let text = |key: &str| json.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    let details = json
        .get("failure")
        .or_else(|| json.get("metadata").and_then(|metadata| metadata.get("failure")))
        .and_then(Json::as_object);
    let detail = |key: &str| details.and_then(|map| map.get(key)).and_then(Json::as_str);
    let message = text("error").or_else(|| detail("message")).unwrap_or("unsuccessful");
    let mut failure = Failure::new(Kind::Router, message).with("http_status", status);
    if let Some(code) = text("error_code").or_else(|| detail("code")) {
        code.clone_into(&mut failure.code);
    }
    failure.provider = provider(json);
    if let Some(provider) = &failure.provider {
        failure.details.insert("provider".into(), provider.clone().into());
    }
    for (key, value) in details.into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        // The failure already has a code, which can differ from the code in these details.
        if key != "code" {
            failure.details.insert(key.clone(), value.clone());
        }
    }
    failure
}

fn provider(json: &Map<String, Json>) -> Option<String> {
    let provider = json.get("provider_used")?.as_str()?;
    (!provider.is_empty()).then(|| provider.to_owned())
}

fn stored_body(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(MAX_STORED_BODY)]).into_owned()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
