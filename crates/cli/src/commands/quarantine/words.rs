//! Reasons as sentences, and what to do about each. A reason of a later build is shown as it is.

/// What a reason says.
pub(super) fn meaning(reason: &str) -> &str {
    match reason {
        "no_envelope" => "does not begin like a record of ours",
        "unknown_kind" => "of a kind that the build which read it did not know",
        "unknown_version" => "of a version that the build which read it did not know",
        "unknown_flags" => "with flags that the build which read it did not know",
        "too_large" => "larger than its kind may be",
        "malformed" => "cut short, or not what it says it is",
        "trailing_bytes" => "longer than what it says it is",
        "bad_field" => "a field holds what it cannot hold",
        "unexpected_kind" | "kind_not_spooled" => "of a kind that does not belong where it stood",
        "time_out_of_range" => "at a time that ClickHouse cannot hold: 1970, or after 2105",
        _ if reason.starts_with("refused_") => "a row that ClickHouse refused, with its error's number",
        _ => "refused by a broker, or by a later build",
    }
}

/// What a person can do.
pub(super) fn to_do(reason: &str) -> &str {
    match reason {
        "unknown_kind" | "unknown_version" | "unknown_flags" => {
            "bring every pipeline and this program up to date, then: tributary quarantine replay"
        }
        "no_envelope" | "too_large" | "malformed" | "trailing_bytes" | "bad_field" => {
            "look at one (tributary quarantine show); garbage stays and does no harm"
        }
        "unexpected_kind" | "kind_not_spooled" => "find out who else writes to the log",
        "time_out_of_range" => "set the clock of the machine it came from; the record stays as it is",
        _ if reason.starts_with("refused_") => {
            "mend what the table refuses (constraints, types), then: tributary quarantine replay"
        }
        _ => "mend the broker's limits, then: tributary quarantine replay",
    }
}

#[cfg(test)]
mod tests {
    use events::DecodeError;

    use super::*;

    #[test]
    fn every_reason_is_told_with_what_to_do() {
        let errors = [
            DecodeError::NoEnvelope,
            DecodeError::UnknownKind { kind: 99 },
            DecodeError::UnknownVersion { kind: 1, version: 9 },
            DecodeError::UnknownFlags { flags: 9 },
            DecodeError::TooLarge { bytes: 2, max: 1 },
            DecodeError::Malformed,
            DecodeError::Trailing { left: 1 },
            DecodeError::BadField { field: "x" },
        ];
        let others = ["unexpected_kind", "kind_not_spooled", "time_out_of_range", "refused_469"];
        let unknown = "of_tomorrow";
        for code in errors.iter().map(DecodeError::code).chain(others) {
            assert_ne!(meaning(code), meaning(unknown), "{code}");
            assert_ne!(to_do(code), to_do(unknown), "{code}");
        }
    }
}
