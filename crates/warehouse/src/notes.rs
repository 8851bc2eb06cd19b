//! What a partition's owner notes beside its facts: how far it has read, under which claim, and a number that only grows.
//!
//! In: notes, after the facts they speak of are acknowledged. Out: the last one. The number is kept by the owner too, so that it sees a
//! `ClickHouse` that has gone back behind it: restored from a backup, or taken back by [`Warehouse::take_note_back`]. Not here: what
//! is done then (`pipeline`). Start at [`Note`].

use units::Stamp;

use crate::{client::Warehouse, error::EngineError, migrate::escaped};

/// What an owner notes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// One more with each note; 0 where the note was taken back.
    pub number: u64,
    /// The log's generation; 0 where it was not noted.
    pub generation: u8,
    /// The owner's claim.
    pub claim: u64,
    /// The random number in that claim's record, to know the log again by.
    pub nonce: u64,
    /// Streams, which have names without blanks, and the next record of each: everything before is in the facts.
    pub positions: Vec<(String, u64)>,
    /// The state may lack what the facts have. Asked for, and never noted by an owner.
    pub reads_facts: bool,
}

/// What the owner of a partition is asked to do by [`Warehouse::take_note_back`], beside saying all of its orders again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// No more than that.
    Say,
    /// First it reads all that the log still has once more.
    ReadLog,
    /// First it reads the facts, and so knows also what its log no longer has.
    ReadFacts,
}

/// No stream's name begins so.
const NUMBER: &str = "#number";
const GENERATION: &str = "#generation";
const CLAIM: &str = "#claim";
const NONCE: &str = "#nonce";
const READ_FACTS: &str = "#read_facts";

impl Note {
    fn to_text(&self) -> String {
        let own = [
            (NUMBER, self.number),
            (GENERATION, self.generation.into()),
            (CLAIM, self.claim),
            (NONCE, self.nonce),
        ];
        let asked = self.reads_facts.then_some((READ_FACTS, 1));
        let own = own.iter().chain(&asked).map(|(name, value)| format!("{name}={value}"));
        let positions = self.positions.iter().map(|(stream, next)| format!("{}={next}", escaped(stream)));
        own.chain(positions).collect::<Vec<_>>().join(" ")
    }

    /// What earlier builds wrote has positions only.
    fn from_text(text: &str) -> Self {
        let mut note = Self::default();
        for entry in text.split_whitespace() {
            let Some((name, value)) = entry.rsplit_once('=') else { continue };
            let Ok(value) = value.parse::<u64>() else { continue };
            match name {
                NUMBER => note.number = value,
                GENERATION => note.generation = u8::try_from(value).unwrap_or(0),
                CLAIM => note.claim = value,
                NONCE => note.nonce = value,
                READ_FACTS => note.reads_facts = value != 0,
                stream => note.positions.push((stream.to_owned(), value)),
            }
        }
        note
    }
}

impl Warehouse {
    /// The last note of `source`, which is a partition's name in the marks.
    pub async fn note(&self, source: &str) -> Result<Option<Note>, EngineError> {
        Ok(self.program(&key(source)).await?.map(|it| Note::from_text(&it)))
    }

    /// Replaces it.
    pub async fn set_note(&self, source: &str, note: &Note) -> Result<(), EngineError> {
        self.set_program(&key(source), &note.to_text()).await
    }

    /// Asks the owner of `source` to say all of its orders again, under a new claim, by making its last note look lost. Returns the claim of the
    /// note taken back; `None` where nothing was ever noted. Done when a note of a later claim has a number again.
    pub async fn take_note_back(&self, source: &str, again: Again) -> Result<Option<u64>, EngineError> {
        let Some(mut note) = self.note(source).await? else { return Ok(None) };
        note.number = 0;
        match again {
            Again::Say => {}
            Again::ReadLog => note.positions.iter_mut().for_each(|(_, next)| *next = 0),
            Again::ReadFacts => note.reads_facts = true,
        }
        self.set_note(source, &note).await?;
        Ok(Some(note.claim))
    }

    /// The highest claim that any snapshot of this generation bears; 0 for none.
    pub async fn newest_claim(&self, generation: u8) -> Result<u64, EngineError> {
        let newest = self
            .client()
            .query("SELECT max(ver) FROM (SELECT ver FROM orders_log UNION ALL SELECT ver FROM credits_log)")
            .fetch_one::<u64>()
            .await?;
        let is_ours = newest >> 56 == u64::from(generation);
        Ok(if is_ours { Stamp::from_u64(newest).claim() } else { 0 })
    }
}

fn key(source: &str) -> String {
    format!("positions {}", escaped(source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::{run, warehouse};

    #[test]
    fn the_last_note_is_found_again_and_can_be_taken_back() {
        run(async {
            let warehouse = warehouse().await;
            assert_eq!(warehouse.note("spool").await.unwrap(), None);
            assert_eq!(warehouse.take_note_back("spool", Again::Say).await.unwrap(), None);
            let positions = vec![("spool:65536:7".to_owned(), 4), ("topic:it's:1".to_owned(), 5)];
            let note =
                Note { number: 9, generation: 1, claim: 3, nonce: u64::MAX, positions, reads_facts: false };
            warehouse.set_note("spool", &note).await.unwrap();
            assert_eq!(warehouse.note("spool").await.unwrap(), Some(note.clone()));
            assert_eq!(warehouse.note("kafka-1").await.unwrap(), None, "each partition has its own");

            assert_eq!(warehouse.take_note_back("spool", Again::Say).await.unwrap(), Some(3));
            assert_eq!(warehouse.note("spool").await.unwrap(), Some(Note { number: 0, ..note.clone() }));
            warehouse.take_note_back("spool", Again::ReadLog).await.unwrap();
            let positions = vec![("spool:65536:7".to_owned(), 0), ("topic:it's:1".to_owned(), 0)];
            let log_again = Note { number: 0, positions, ..note };
            assert_eq!(warehouse.note("spool").await.unwrap(), Some(log_again.clone()));
            // Whoever asked before is not forgotten, until an owner notes again.
            warehouse.take_note_back("spool", Again::ReadFacts).await.unwrap();
            warehouse.take_note_back("spool", Again::Say).await.unwrap();
            let facts_again = Note { reads_facts: true, ..log_again };
            assert_eq!(warehouse.note("spool").await.unwrap(), Some(facts_again));
        });
    }

    #[test]
    fn what_earlier_builds_noted_is_understood() {
        let note = Note::from_text("spool:65536:7=4 topic:tributary.clicks.v1:3=5");
        let positions = vec![("spool:65536:7".to_owned(), 4), ("topic:tributary.clicks.v1:3".to_owned(), 5)];
        assert_eq!(note, Note { positions, ..Note::default() });
    }
}
