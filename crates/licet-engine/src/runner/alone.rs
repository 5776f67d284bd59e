//! An instance whose journal this process alone appends to. Nobody can be in the way, so the next
//! group is decided while the last one is still on its way to the disk.

use std::collections::VecDeque;

use licet_core::{Record, Reply};
use licet_store::{AppendError, Appending};
use tokio::sync::watch;

use super::{Decided, Ending, Group, Runner, Taken, landing};
use crate::AskError;

/// Groups that may be on their way. While one is written, the store merges those that wait.
const FLIGHTS_MAX: usize = 8;
/// With fewer groups on their way the instance does what is due by itself. Whoever asks then waits
/// for no more of that than keeps the disk busy.
const ACTING_FLIGHTS_MAX: usize = 2;

/// How often others may come first while a group gathers.
const YIELDS_MAX: usize = 16;

/// A group that was decided and is not yet durable, or follows one that is not.
struct Flight {
    group: Group,
    results: Vec<Result<Reply, AskError>>,
    /// `None` if nothing was recorded. The answers wait all the same: what they tell of may be on
    /// its way.
    append: Option<Append>,
}

struct Append {
    appending: Appending,
    bytes: usize,
    records: Vec<Record>,
}

enum Event {
    Gathered(Group),
    Landed(Result<(), AppendError>),
    Idle,
}

impl Runner {
    pub(super) async fn serve_alone(&mut self) -> Ending {
        let mut closing = self.shared.closing.subscribe();
        let mut flights = VecDeque::new();
        self.live.set_settled(true);
        loop {
            match self.next_event(&mut flights, &mut closing).await {
                Event::Gathered(group) => {
                    let acts = flights.len() < ACTING_FLIGHTS_MAX;
                    flights.push_back(self.depart(group, acts));
                }
                Event::Landed(Ok(())) => self.arrive(&mut flights),
                Event::Landed(Err(error)) => {
                    self.report(&error.clone().into());
                    for flight in &mut flights {
                        flight.group.refuse(&error.to_string());
                    }
                    return Ending::Failed;
                }
                Event::Idle => return Ending::Idle,
            }
        }
    }

    async fn next_event(
        &mut self,
        flights: &mut VecDeque<Flight>,
        closing: &mut watch::Receiver<bool>,
    ) -> Event {
        // A snapshot shows what is durable, so the way must be clear before one is taken.
        let mut is_snapshot_due = self.snapshots.is_due(&self.shared.options);
        if is_snapshot_due && flights.is_empty() {
            self.snapshot();
            is_snapshot_due = false;
        }
        let may_depart = flights.len() < FLIGHTS_MAX && !is_snapshot_due;
        let mut group = Group::default();
        if may_depart {
            let acts = flights.len() < ACTING_FLIGHTS_MAX && self.is_due();
            if acts {
                // Much may be due, and others want this thread in between.
                tokio::task::yield_now().await;
            }
            self.take_waiting(&mut group);
            if acts || !group.is_empty() {
                return Event::Gathered(group);
            }
        }
        let (clock, until_ms) = (self.shared.clock.clone(), self.rests_until_ms());
        let is_resting = flights.is_empty();
        let letter = tokio::select! {
            biased;
            landed = land(flights) => return Event::Landed(landed),
            letter = self.letters.recv(), if may_depart => letter,
            () = clock.sleep_until(until_ms), if is_resting => return match self.is_due() {
                true => Event::Gathered(group),
                false => Event::Idle,
            },
            _ = closing.wait_for(|closing| *closing), if is_resting => return Event::Idle,
        };
        let Some(letter) = letter else { return Event::Idle };
        group.push(letter);
        let under_way = flights.iter().map(|flight| flight.group.len()).sum::<usize>();
        self.gather_company(&mut group, under_way / 2).await;
        Event::Gathered(group)
    }

    /// Lets those come first who are about to ask as well, while somebody does and they are fewer
    /// than `company`: a group costs much the same however many it answers, but the disk should not
    /// wait for it, nor those who are answered after it.
    async fn gather_company(&mut self, group: &mut Group, company: usize) {
        for _ in 0..YIELDS_MAX {
            let before = group.len();
            tokio::task::yield_now().await;
            self.take_waiting(group);
            if group.len() == before || group.len() >= company {
                return;
            }
        }
    }

    /// Decides a group and sends its records on their way.
    fn depart(&mut self, mut group: Group, acts: bool) -> Flight {
        self.live.set_settled(false);
        let Decided { results, records } = self.decide(group.commands.drain(..), acts);
        if records.is_empty() {
            return Flight { group, results, append: None };
        }
        let append = self.append_of(&records);
        let Taken { head, bytes } = Taken::of(&append);
        self.head = head;
        let appending = self.shared.store.append(append);
        Flight { group, results, append: Some(Append { appending, bytes, records }) }
    }

    /// Answers the group that has landed, and those behind it that had nothing to record.
    fn arrive(&mut self, flights: &mut VecDeque<Flight>) {
        while let Some(mut flight) = flights.pop_front() {
            flight.group.answer(flight.results);
            if let Some(append) = flight.append {
                self.landed(append.bytes, append.records);
            }
            if flights.front().is_some_and(|next| next.append.is_some()) {
                return;
            }
        }
        self.live.set_settled(true);
    }
}

/// Waits until the first group is durable; for ever if there is none.
async fn land(flights: &mut VecDeque<Flight>) -> Result<(), AppendError> {
    match flights.front_mut() {
        None => std::future::pending().await,
        Some(Flight { append: None, .. }) => Ok(()),
        Some(Flight { append: Some(append), .. }) => landing((&mut append.appending).await),
    }
}
