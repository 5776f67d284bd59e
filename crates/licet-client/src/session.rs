//! A session that keeps itself alive.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use licet_protocol::{AccessAnswer, SessionAccessRequest};
use uuid::Uuid;

use crate::{
    Client, EndReason, Ended, Error, Timed,
    heartbeat::{Beat, Pulse},
    retry::random_fraction,
    transport::now_ms,
};

/// Longest sleep: a computer that was suspended looks at the clock soon after.
const SLICE_MS: i64 = 30_000;

/// Items held for as long as this value lives.
///
/// A thread in the background sends a heartbeat after each automatic charge, and at least every
/// 30 seconds while something is held, so that a session that was ended from outside is noticed
/// soon. Dropping the value ends the session and gives the unused part of the paid period back.
pub struct Session {
    calls: Calls,
    shared: Arc<Shared>,
    answer: AccessAnswer,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.calls.session_id).finish_non_exhaustive()
    }
}

/// What is called for one session.
#[derive(Clone)]
struct Calls {
    client: Client,
    instance_id: Uuid,
    session_id: Uuid,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    pulse: Pulse,
    /// When the server last granted, or was asked for a heartbeat, in its own time.
    asked_ms: i64,
    /// What to add to our clock to get the server's.
    ahead_ms: i64,
    /// Counts access requests, each of which starts a new rhythm.
    requests: u64,
    is_over: bool,
}

impl Session {
    /// Opens a session and asks for its items. `on_end` is called once, from another thread, if the
    /// session ends without having been closed: the application must then stop using the items.
    ///
    /// # Errors
    /// [`Error::Denied`], if the items are not granted; [`Error::Problem`] or
    /// [`Error::Unreachable`], if the server refuses or cannot be reached. No session is left open
    /// then.
    pub fn open(
        client: &Client,
        instance_id: Uuid,
        request: &SessionAccessRequest,
        on_end: impl FnOnce(Ended) + Send + 'static,
    ) -> Result<Self, Error> {
        let session_id = client.create_session(instance_id)?.session_id;
        let calls = Calls { client: client.clone(), instance_id, session_id };
        let answer = match calls.request(request) {
            Ok(answer) => answer,
            Err(error) => {
                // The server ends idle sessions by itself, so this need not succeed.
                let _ = calls.close();
                return Err(error);
            }
        };
        let asked_ms = answer.server_ms;
        let Timed { value: pulse, server_ms } = calls.pulse(request, asked_ms);
        let ahead_ms = server_ms - now_ms();
        let state = State { pulse, asked_ms, ahead_ms, requests: 0, is_over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let session = Self { calls: calls.clone(), shared: shared.clone(), answer: answer.value };
        let keeper = Keeper { calls, shared, on_end: Box::new(on_end) };
        thread::Builder::new()
            .name("licet-session".to_owned())
            .spawn(move || keeper.run())
            .map_err(|error| Error::Unusable(format!("no thread can be started: {error}")))?;
        Ok(session)
    }

    /// The session's id, made by the server.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.calls.session_id
    }

    /// The answer to the last request that was granted.
    #[must_use]
    pub fn answer(&self) -> &AccessAnswer {
        &self.answer
    }

    /// Whether the session has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.lock().is_over
    }

    /// States the complete new set of items; an empty one gives back what is held.
    ///
    /// # Errors
    /// [`Error::Denied`], if they are not granted: the session then holds what it held, or, with
    /// `rollback_on_deny` false, is over (and `on_end` is not called). Else as every call.
    pub fn request(&mut self, request: &SessionAccessRequest) -> Result<&AccessAnswer, Error> {
        match self.calls.request(request) {
            Ok(answer) => {
                let pulse = self.calls.pulse(request, answer.server_ms);
                self.shared.start(pulse, answer.server_ms);
                self.answer = answer.value;
                Ok(&self.answer)
            }
            Err(error) => {
                if matches!(error, Error::Denied(_)) && !request.rollback_on_deny {
                    self.shared.finish();
                }
                Err(error)
            }
        }
    }

    /// Ends the session and says whether that worked. Dropping the session does the same silently.
    ///
    /// # Errors
    /// As every call. The server ends the session by itself when heartbeats stop.
    pub fn close(self) -> Result<(), Error> {
        // Drop finds the session over and does nothing more.
        if self.shared.finish() { self.calls.close() } else { Ok(()) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.shared.finish() {
            let _ = self.calls.close();
        }
    }
}

impl Calls {
    fn request(&self, request: &SessionAccessRequest) -> Result<Timed<AccessAnswer>, Error> {
        self.client.put_session_request(self.instance_id, self.session_id, request)
    }

    fn heartbeat(&self) -> Result<(), Error> {
        self.client.heartbeat(self.instance_id, self.session_id)
    }

    fn close(&self) -> Result<(), Error> {
        self.client.close_session(self.instance_id, self.session_id)
    }

    /// Until when is paid, as the server tells, in its own time.
    fn paid_until(&self) -> Result<Timed<Option<i64>>, Error> {
        let detail = self.client.session(self.instance_id, self.session_id)?;
        if let Some(until) = detail.value.charged_until {
            return Ok(Timed { value: Some(until.0), server_ms: detail.server_ms });
        }
        // Servers by others tell it in the list alone, which ends at 100 sessions.
        let list = self.client.sessions(self.instance_id)?;
        let listed = list.value.into_iter().find(|listed| listed.session_id == self.session_id);
        let until_ms = listed.and_then(|listed| listed.charged_until).map(|until| until.0);
        Ok(Timed { value: until_ms, server_ms: list.server_ms })
    }

    /// The rhythm after a request that was granted at `server_ms`.
    fn pulse(&self, request: &SessionAccessRequest, server_ms: i64) -> Timed<Pulse> {
        if request.requested_items.is_empty() {
            return Timed { value: Pulse::Idle, server_ms };
        }
        let until = self.paid_until().unwrap_or(Timed { value: None, server_ms });
        let pulse = Pulse::new(until.value, server_ms, random_fraction());
        Timed { value: pulse, server_ms: until.server_ms }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new rhythm after an access request.
    fn start(&self, pulse: Timed<Pulse>, asked_ms: i64) {
        let mut state = self.lock();
        state.pulse = pulse.value;
        state.asked_ms = asked_ms;
        state.ahead_ms = pulse.server_ms - now_ms();
        state.requests += 1;
        self.changed.notify_all();
    }

    /// Marks the session as over; whether it was not so before.
    fn finish(&self) -> bool {
        let was_over = std::mem::replace(&mut self.lock().is_over, true);
        self.changed.notify_all();
        !was_over
    }

    /// Waits until a heartbeat is due, and gives the number of the request that it belongs to and
    /// what it is for. `None` if the session is over.
    fn wait_until_due(&self) -> Option<(u64, Beat)> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            let left_ms = match state.pulse.next(state.asked_ms) {
                Some((due_ms, beat)) => {
                    let left_ms = due_ms - (now_ms() + state.ahead_ms);
                    if left_ms <= 0 {
                        return Some((state.requests, beat));
                    }
                    left_ms
                }
                None => SLICE_MS,
            };
            let slice = Duration::from_millis(left_ms.clamp(1, SLICE_MS).unsigned_abs());
            let waited = self.changed.wait_timeout(state, slice);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The thread that keeps the session alive.
struct Keeper {
    calls: Calls,
    shared: Arc<Shared>,
    on_end: Box<dyn FnOnce(Ended) + Send>,
}

impl Keeper {
    fn run(self) {
        while let Some((requests, beat)) = self.shared.wait_until_due() {
            let result = match beat {
                Beat::Needed => self.beat(requests),
                Beat::Look => self.look(requests),
            };
            if let Err(ended) = result {
                if self.shared.finish() {
                    (self.on_end)(ended);
                }
                return;
            }
        }
    }

    /// Whether the session still stands. Whatever leaves that open is met again when a heartbeat
    /// is needed: a server that is away, or a token that has run out in a period that is paid.
    fn look(&self, requests: u64) -> Result<(), Ended> {
        let result = self.calls.heartbeat();
        let mut state = self.shared.lock();
        if state.requests != requests {
            return Ok(());
        }
        let now_ms = now_ms() + state.ahead_ms;
        state.asked_ms = now_ms;
        match result {
            Ok(()) => state.pulse.after_look(now_ms),
            Err(error) if error.is_passing() || error.status() == Some(401) => {}
            Err(error) => return Err(over(EndReason::Terminated, &error)),
        }
        Ok(())
    }

    fn beat(&self, requests: u64) -> Result<(), Ended> {
        // A refused heartbeat is the end; so is a session that cannot be looked at any more.
        let learned = self.calls.heartbeat().and_then(|()| match self.calls.paid_until() {
            Err(error) if error.is_passing() => Ok(None),
            result => result.map(Some),
        });
        let mut state = self.shared.lock();
        if state.requests != requests {
            // A request came in between and started a new rhythm.
            return Ok(());
        }
        let now_ms = now_ms() + state.ahead_ms;
        state.asked_ms = now_ms;
        let next = match learned {
            Ok(Some(until)) => {
                state.ahead_ms += until.server_ms - now_ms;
                state.pulse.after_heartbeat(until.value, until.server_ms, random_fraction())
            }
            Ok(None) => state.pulse.after_heartbeat(None, now_ms, random_fraction()),
            Err(error) if error.is_passing() => state
                .pulse
                .after_failure(now_ms)
                .ok_or_else(|| over(EndReason::Unreachable, &error))?,
            Err(error) => return Err(over(EndReason::Terminated, &error)),
        };
        state.pulse = next;
        Ok(())
    }
}

fn over(reason: EndReason, error: &Error) -> Ended {
    Ended { reason, detail: error.to_string() }
}
