//! Progress of what takes longer than two seconds.

use std::{borrow::Cow, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Nothing is shown of what is over sooner.
const QUIET: Duration = Duration::from_secs(2);
const FRAMES_PER_SECOND: u8 = 10;

/// A line on standard error, if that is a terminal, once something takes longer.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Counts things of which nobody knows how many there are.
    pub(crate) fn counting(what: &'static str) -> Self {
        Self::new(ProgressBar::hidden(), &format!("{{spinner}} {{human_pos}} {what} ({{elapsed}})"))
    }

    /// Counts bytes up to a total that is set later.
    pub(crate) fn bytes() -> Self {
        let template = "{msg} {bar:30} {bytes} of {total_bytes} ({eta} left)";
        Self::new(ProgressBar::hidden(), template)
    }

    /// Counts groups of a journal up to a total that is set later.
    pub(crate) fn groups() -> Self {
        let template = "{msg} {bar:30} {human_pos} of {human_len} ({eta} left)";
        Self::new(ProgressBar::hidden(), template)
    }

    fn new(bar: ProgressBar, template: &str) -> Self {
        // The templates are ours, so the fallback is never used.
        bar.set_style(
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        Self { bar }
    }

    /// Shows the line if two seconds have passed.
    fn show(&self) {
        if self.bar.is_hidden() && self.bar.elapsed() >= QUIET {
            let target = ProgressDrawTarget::stderr_with_hz(FRAMES_PER_SECOND);
            self.bar.set_draw_target(target);
        }
    }

    pub(crate) fn add(&self, count: u64) {
        self.show();
        self.bar.inc(count);
    }

    pub(crate) fn set(&self, what: impl Into<Cow<'static, str>>, done: u64, total: u64) {
        self.show();
        self.bar.set_message(what);
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
