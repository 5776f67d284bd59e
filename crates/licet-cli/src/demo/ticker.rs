//! The live line: what the server decided in the last second.

use std::io::{IsTerminal, Write};

use licet_core::{ItemCode, Outcome, Record, Tokens};
use licet_engine::{Engine, Recorded};
use tokio::sync::broadcast::error::RecvError;

/// How often a line is written, in milliseconds.
const EVERY_MS: u64 = 1_000;

/// What happened since the last line.
#[derive(Debug, Default)]
pub(crate) struct Ticker {
    requests: u64,
    denied: u64,
    charged_micros: i64,
    refunded_micros: i64,
    live_sessions: i64,
    last: String,
}

impl Ticker {
    /// Writes lines to standard error until the engine closes.
    pub(crate) async fn run(mut self, engine: Engine) {
        let mut recorded = engine.recorded();
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(EVERY_MS));
        loop {
            tokio::select! {
                _ = tick.tick() => self.print(),
                heard = recorded.recv() => match heard {
                    Ok(Recorded { records, .. }) => {
                        records.iter().for_each(|record| self.take(record));
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    fn take(&mut self, record: &Record) {
        match record {
            Record::Access { outcomes, .. } => {
                outcomes.iter().for_each(|outcome| self.outcome(outcome));
            }
            Record::SessionOpened { .. } => self.live_sessions += 1,
            Record::SessionAccess { access, .. } => {
                self.outcome(&access.outcome);
                let refund = access.refund.iter().map(|refund| refund.tokens().micros());
                self.refunded_micros += refund.sum::<i64>();
            }
            Record::SessionEnded { refund, .. } => {
                self.live_sessions -= 1;
                let refund = refund.iter().map(|refund| refund.tokens().micros());
                self.refunded_micros += refund.sum::<i64>();
            }
            _ => {}
        }
    }

    fn outcome(&mut self, outcome: &Outcome) {
        self.requests += 1;
        for item in &outcome.items {
            let tokens = item.tokens();
            self.charged_micros += tokens.micros();
            self.denied += u64::from(item.code != ItemCode::Charged);
            let answer = match item.code {
                ItemCode::Charged => format!("{tokens} tokens"),
                ItemCode::NotPriced => "not priced".to_owned(),
                ItemCode::Insufficient => "too few tokens".to_owned(),
                _ => "denied".to_owned(),
            };
            let (who, count) = (&outcome.requester.value, item.requested);
            self.last = format!("{who}: {count} x {} -> {answer}", item.item);
        }
    }

    fn print(&mut self) {
        let line = format!(
            "{:>4} requests/s  {:>8} tokens charged  {:>6} refunded  {:>3} refused  {:>3} sessions  {}",
            self.requests,
            Tokens::from_micros(self.charged_micros).to_string(),
            Tokens::from_micros(self.refunded_micros).to_string(),
            self.denied,
            self.live_sessions,
            self.last,
        );
        let mut out = std::io::stderr().lock();
        // Nobody may be looking any more; the demo goes on.
        let _ = if out.is_terminal() {
            write!(out, "\r{line:<110}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{line}")
        };
        let live_sessions = self.live_sessions;
        *self = Self { live_sessions, last: std::mem::take(&mut self.last), ..Self::default() };
    }
}
