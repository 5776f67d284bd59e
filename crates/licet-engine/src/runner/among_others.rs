//! An instance whose journal other processes append to as well: one group after the other, each
//! decided on what the journal holds.

use licet_core::{Command, Reply};
use licet_store::{AppendError, Hold, Section, SharedJournal, StoreError};
use tokio::sync::watch;

use super::{Decided, Ending, Failure, Group, Runner, Taken, load};
use crate::{AskError, neighbours::Approach, section};

/// How often a group is decided again because another process was faster. From the second time on
/// the others are kept waiting, so the last is hardly ever needed.
const ATTEMPTS_MAX: usize = 16;

impl Runner {
    pub(super) async fn serve_among_others(&mut self, journal: &dyn SharedJournal) -> Ending {
        let mut closing = self.shared.closing.subscribe();
        let mut group = Group::default();
        loop {
            if !self.gather(&mut group, &mut closing).await {
                return Ending::Idle;
            }
            match self.settle(journal, &group.commands).await {
                Ok(results) => group.answer(results),
                Err(error) => {
                    self.report(&error);
                    group.refuse(&error.to_string());
                    return Ending::Failed;
                }
            }
        }
    }

    /// Takes all commands that wait, or waits for the first or for the instance's own time.
    /// False when it is time to go.
    async fn gather(&mut self, group: &mut Group, closing: &mut watch::Receiver<bool>) -> bool {
        self.take_waiting(group);
        if !group.is_empty() || self.is_due() {
            return true;
        }
        let (clock, until_ms) = (self.shared.clock.clone(), self.rests_until_ms());
        tokio::select! {
            biased;
            letter = self.letters.recv() => {
                let Some(letter) = letter else { return false };
                group.push(letter);
                self.take_waiting(group);
                true
            }
            () = clock.sleep_until(until_ms) => self.is_due(),
            _ = closing.wait_for(|closing| *closing) => false,
        }
    }

    /// Decides a group on a journal that other processes append to as well. What was decided on
    /// an old state is thrown away with the state, and decided again.
    async fn settle(
        &mut self,
        journal: &dyn SharedJournal,
        commands: &[Command],
    ) -> Result<Vec<Result<Reply, AskError>>, Failure> {
        for _ in 0..ATTEMPTS_MAX {
            let approach = self.neighbours.approach(self.shared.clock.now_ms(), commands.len());
            let hold = self.catch_up(journal, approach).await?;
            let Decided { results, records } = self.decide(commands.iter().cloned(), true);
            if records.is_empty() {
                if let Some(hold) = hold {
                    hold.release().await;
                } else if approach == Approach::Trust && self.look(journal).await? {
                    continue;
                }
                return Ok(results);
            }
            let append = self.append_of(&records);
            let taken = Taken::of(&append);
            let appended = match hold {
                Some(hold) => hold.append(append).await.map(drop),
                None => self.append(append).await,
            };
            match appended {
                Ok(()) => {
                    self.neighbours.made_sure(self.shared.clock.now_ms());
                    self.head = taken.head;
                    self.landed(taken.bytes, records);
                    if self.snapshots.is_due(&self.shared.options) {
                        self.snapshot();
                    }
                    return Ok(results);
                }
                Err(AppendError::Conflict) => self.load_again().await?,
                Err(error) => return Err(error.into()),
            }
        }
        let text = "other servers were always faster; ask again";
        Err(AppendError::Unavailable(text.to_owned()).into())
    }

    /// Folds what others appended, as far as the approach asks for it.
    async fn catch_up(
        &mut self,
        journal: &dyn SharedJournal,
        approach: Approach,
    ) -> Result<Option<Box<dyn Hold>>, Failure> {
        match approach {
            Approach::Trust => Ok(None),
            Approach::Look => {
                self.look(journal).await?;
                Ok(None)
            }
            Approach::Hold => {
                let mut hold = journal.hold(self.id.0, self.head.seq).await?;
                let tail = hold.take_tail();
                if !tail.is_empty() {
                    self.neighbours.met_another(self.shared.clock.now_ms());
                }
                self.follow(tail)?;
                Ok(Some(hold))
            }
        }
    }

    /// Reads and folds what others appended. True if there was something.
    async fn look(&mut self, journal: &dyn SharedJournal) -> Result<bool, Failure> {
        let tail = journal.tail(self.id.0, self.head.seq).await?;
        self.neighbours.made_sure(self.shared.clock.now_ms());
        let is_news = !tail.is_empty();
        self.follow(tail)?;
        Ok(is_news)
    }

    fn follow(&mut self, tail: Vec<Section>) -> Result<(), StoreError> {
        for section in tail {
            self.head = section::follow(&self.head, &section)?;
            let records = section::records(&section)?;
            for record in &records {
                self.live.instance().fold(record);
            }
            self.snapshots.bytes_since += section.records.len();
            self.publish(records);
        }
        Ok(())
    }

    async fn load_again(&mut self) -> Result<(), StoreError> {
        self.neighbours.met_another(self.shared.clock.now_ms());
        let (instance, head) = load(&self.shared, self.id).await?;
        *self.live.instance() = instance;
        self.head = head;
        Ok(())
    }
}
