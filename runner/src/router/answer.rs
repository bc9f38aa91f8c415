//! What a status and a body mean: a pure function, tested by table.

use serde_json::{Map, Value as Json};

use super::Answer;
use super::failure::{Failure, Kind};

/// How much of a body that is no answer is kept.
const KEPT: usize = 2048;

/// The answer in a response of the router, or why there is none.
pub fn classify(status: u16, body: &[u8]) -> Result<Answer, Failure> {
    if !(200..300).contains(&status) {
        return Err(http_failure(status, body));
    }
    let json = match serde_json::from_slice(body) {
        Ok(Json::Object(json)) => json,
        Ok(_) => return Err(unreadable("the answer is not a JSON object", status, body)),
        Err(error) => {
            let reason = format!("the answer is not JSON: {error}");
            return Err(unreadable(&reason, status, body));
        }
    };
    if json.get("success") != Some(&Json::Bool(true)) {
        return Err(refusal(&json, status));
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
    let text = start_of(body);
    let detail = serde_json::from_slice::<Json>(body).ok();
    let detail = detail.as_ref().and_then(|json| json.get("detail")?.as_str());
    let shown = detail.unwrap_or(text.trim());
    let message = if shown.is_empty() {
        format!("router http {status}")
    } else {
        format!("router http {status}: {shown}")
    };
    Failure::new(Kind::Http(status), message).with("body", text)
}

fn unreadable(reason: &str, status: u16, body: &[u8]) -> Failure {
    Failure::new(Kind::Json, reason).with("http_status", status).with("body", start_of(body))
}

/// The router's own words are kept: its code, its provider and its `failure` object.
fn refusal(json: &Map<String, Json>, status: u16) -> Failure {
    let text = |key: &str| json.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    let own = json
        .get("failure")
        .or_else(|| json.get("metadata").and_then(|metadata| metadata.get("failure")))
        .and_then(Json::as_object);
    let of_own = |key: &str| own.and_then(|own| own.get(key)).and_then(Json::as_str);
    let message = text("error").or_else(|| of_own("message")).unwrap_or("unsuccessful");
    let mut failure = Failure::new(Kind::Router, message).with("http_status", status);
    if let Some(code) = text("error_code").or_else(|| of_own("code")) {
        code.clone_into(&mut failure.code);
    }
    failure.provider = provider(json);
    if let Some(provider) = &failure.provider {
        failure.details.insert("provider".into(), provider.clone().into());
    }
    for (key, value) in own.into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        // The code is said once, so that output and failure agree.
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

fn start_of(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(KEPT)]).into_owned()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
