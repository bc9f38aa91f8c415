//! The tracer: prints debug lines and records spans. An error of the tracer never reaches its
//! caller.

use std::time::Instant;

use super::SERVICE;
use super::console::Console;
use super::span::{OpenSpan, SpanStart, SpanStatus};
use super::storage::SpanStore;
use crate::config::Switch;

/// Prints debug lines about spans, and records the spans if its flag is on.
#[derive(Debug)]
pub struct Tracer {
    enabled: bool,
    console: Box<dyn Console>,
    store: Box<dyn SpanStore>,
}

impl Tracer {
    /// Creates a tracer and prints whether it is enabled.
    pub fn new(flag: &Switch, console: Box<dyn Console>, store: Box<dyn SpanStore>) -> Self {
        let raw = flag.raw.as_deref().unwrap_or_default();
        console.line(&if flag.on {
            format!("🔍 DBTracer: ENABLED (ENABLE_DB_TRACING={raw})")
        } else {
            format!("⚠\u{fe0f}  DBTracer: DISABLED (ENABLE_DB_TRACING={raw})")
        });
        Self { enabled: flag.on, console, store }
    }

    /// Returns whether spans are recorded.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// Starts a span. If the span can't be written, prints and logs the error; the caller continues
    /// without a recorded span.
    pub async fn start(&self, span: SpanStart) -> OpenSpan {
        let (operation, enabled) = (span.operation, self.enabled);
        self.console.line(&format!(
            "🔍 StartSpan called: service={SERVICE}, operation={operation}, enabled={enabled}"
        ));
        let start_instant = Instant::now();
        let recorded = enabled && self.record(&span).await;
        let SpanStart { trace_id, span_id, started_at, .. } = span;
        OpenSpan { trace_id, span_id, operation, started_at, start_instant, recorded }
    }

    async fn record(&self, span: &SpanStart) -> bool {
        match self.store.start(span).await {
            Ok(()) => {
                self.console.line("✅ StartSpan RecordSpan success");
                true
            }
            Err(error) => {
                self.console.line(&format!("❌ StartSpan RecordSpan error: {error}"));
                let (trace_id, span_id, operation) = (span.trace_id, span.span_id, span.operation);
                tracing::error!(%error, %trace_id, %span_id, operation, "failed to persist trace span to database");
                false
            }
        }
    }

    /// Ends a span. `error` is the type and the message of the error, if the span's work failed. Writes
    /// nothing if the start of the span was not recorded.
    pub async fn finish(
        &self,
        span: OpenSpan,
        status: SpanStatus,
        error: Option<(String, String)>,
    ) {
        if !span.recorded {
            return;
        }
        if let Err(error) = self.store.finish(&span.end(status, error)).await {
            let OpenSpan { trace_id, span_id, operation, .. } = span;
            tracing::error!(%error, %trace_id, %span_id, operation, "failed to update trace span");
        }
    }

    /// Ends the open spans of an execution as failed.
    pub async fn abandon(&self, execution_id: i64, reason: &str) {
        if !self.enabled {
            return;
        }
        if let Err(error) = self.store.abandon(execution_id, reason).await {
            tracing::error!(%error, execution_id, "failed to end abandoned trace spans");
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
