//! The tracer: prints its debug lines, records spans, and never fails its caller.

use std::time::Instant;

use super::SERVICE;
use super::console::Console;
use super::span::{OpenSpan, SpanStart, SpanStatus};
use super::storage::SpanStore;
use crate::config::Switch;

/// Records the spans of units, or does not, as its flag says.
#[derive(Debug)]
pub struct Tracer {
    enabled: bool,
    console: Box<dyn Console>,
    store: Box<dyn SpanStore>,
}

impl Tracer {
    /// Makes a tracer and says whether it is on.
    pub fn new(flag: &Switch, console: Box<dyn Console>, store: Box<dyn SpanStore>) -> Self {
        let raw = flag.raw.as_deref().unwrap_or_default();
        console.line(&if flag.on {
            format!("🔍 DBTracer: ENABLED (ENABLE_DB_TRACING={raw})")
        } else {
            format!("⚠\u{fe0f}  DBTracer: DISABLED (ENABLE_DB_TRACING={raw})")
        });
        Self { enabled: flag.on, console, store }
    }

    /// Whether spans are recorded.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// Begins a span. That it could not be recorded is told, and the unit goes on.
    pub async fn start(&self, span: SpanStart) -> OpenSpan {
        let (operation, enabled) = (span.operation, self.enabled);
        self.console.line(&format!(
            "🔍 StartSpan called: service={SERVICE}, operation={operation}, enabled={enabled}"
        ));
        let clock = Instant::now();
        let recorded = enabled && self.record(&span).await;
        let SpanStart { trace_id, span_id, started_at, .. } = span;
        OpenSpan { trace_id, span_id, operation, started_at, clock, recorded }
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

    /// Ends a span; `error` is its type and message. A span that was refused has nothing to end.
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

    /// Closes what a worker that is gone left open for this execution.
    pub async fn abandon(&self, execution_id: i64, reason: &str) {
        if !self.enabled {
            return;
        }
        if let Err(error) = self.store.abandon(execution_id, reason).await {
            tracing::error!(%error, execution_id, "failed to close the spans of a lost worker");
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
