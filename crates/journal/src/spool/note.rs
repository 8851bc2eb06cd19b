//! The notes that control frames carry: how an incarnation began and ended.
//!
//! In: bytes of a control frame. Out: a [`Note`], and back. Notes let a reader tell the exact end of an older
//! incarnation from a torn or damaged one. Not here: when they are written (`writer`).

/// Most older incarnations one opening note names. More than this many crashes before a first frame, in a row, leave
/// the oldest unnamed; their ends are then what a scan finds.
pub const ENDINGS_MAX: usize = 64;

const OPENING: u8 = 1;
const CLOSING: u8 = 2;
const ENDING_BYTES: usize = 16;

/// Where an incarnation ended, as its successor found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The incarnation that ended.
    pub incarnation: u32,
    /// Its last whole record; 0 if it has none.
    pub last_sequence: u64,
    /// How it ended.
    pub state: EndState,
}

/// How an incarnation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndState {
    /// It wrote its closing note.
    Clean,
    /// Its process died; the kernel lived on, so that all it had written is there.
    ProcessDied,
    /// The machine was started anew since: what was not synced may be gone, beyond `last_sequence` too.
    MachineDied,
}

/// What a control frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// First frame of an incarnation.
    Opening(Vec<Ending>),
    /// Last frame of an incarnation.
    Closing,
}

impl Note {
    /// Appends the note's bytes to `out`, naming at most [`ENDINGS_MAX`] endings.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Opening(endings) => {
                out.push(OPENING);
                for ending in endings.iter().take(ENDINGS_MAX) {
                    out.extend_from_slice(&ending.incarnation.to_le_bytes());
                    out.extend_from_slice(&ending.state.code().to_le_bytes());
                    out.extend_from_slice(&ending.last_sequence.to_le_bytes());
                }
            }
            Self::Closing => out.push(CLOSING),
        }
    }

    /// `None` if this build does not know the note; such notes are passed over.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        match payload.split_first()? {
            (&OPENING, rest) => {
                rest.chunks(ENDING_BYTES).map(decode_ending).collect::<Option<_>>().map(Self::Opening)
            }
            (&CLOSING, []) => Some(Self::Closing),
            _ => None,
        }
    }
}

impl EndState {
    fn code(self) -> u32 {
        match self {
            Self::Clean => 0,
            Self::ProcessDied => 1,
            Self::MachineDied => 2,
        }
    }
}

fn decode_ending(entry: &[u8]) -> Option<Ending> {
    let (incarnation, rest) = entry.split_first_chunk::<4>()?;
    let (state, rest) = rest.split_first_chunk::<4>()?;
    let last_sequence = rest.first_chunk::<8>()?;
    let state = match u32::from_le_bytes(*state) {
        0 => EndState::Clean,
        1 => EndState::ProcessDied,
        2 => EndState::MachineDied,
        _ => return None,
    };
    let incarnation = u32::from_le_bytes(*incarnation);
    Some(Ending { incarnation, last_sequence: u64::from_le_bytes(*last_sequence), state })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_undoes_encode() {
        let endings = vec![
            Ending { incarnation: 7, last_sequence: u64::MAX, state: EndState::Clean },
            Ending { incarnation: u32::MAX, last_sequence: 0, state: EndState::ProcessDied },
            Ending { incarnation: 9, last_sequence: 1, state: EndState::MachineDied },
        ];
        for note in [Note::Opening(endings), Note::Opening(Vec::new()), Note::Closing] {
            let mut bytes = Vec::new();
            note.encode(&mut bytes);
            assert_eq!(Note::decode(&bytes), Some(note));
        }
    }

    #[test]
    fn unknown_and_cut_notes_are_passed_over() {
        for bytes in [&[][..], &[9], &[CLOSING, 0], &[OPENING, 1, 2], &[OPENING; 17]] {
            assert_eq!(Note::decode(bytes), None, "{bytes:?}");
        }
    }
}
