//! What a judge found: records lost, invented and doubled, each with the first examples.
//!
//! In: findings. Out: one line of numbers, or an error that names them. Start at [`Verdict::close`].

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// Examples that an error names of each kind.
const EXAMPLES_MAX: usize = 5;

/// Kinds of broken promises.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Answered, and not there.
    pub(crate) lost: Vec<String>,
    /// There, and nobody wrote it.
    pub(crate) invented: Vec<String>,
    /// There more than once where once was promised.
    pub(crate) doubled: Vec<String>,
    /// Anything else that must not be.
    pub(crate) wrong: Vec<String>,
}

impl Verdict {
    /// Every line of `wanted` must be found once, and nothing else.
    pub(crate) fn compare(&mut self, wanted: &[String], found: &[String]) {
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for line in wanted {
            counts.entry(line).or_default().0 += 1;
        }
        for line in found {
            counts.entry(line).or_default().1 += 1;
        }
        for (line, count) in counts {
            match count {
                (1.., 0) => self.lost.push(line.to_owned()),
                (0, 1..) => self.invented.push(line.to_owned()),
                (wanted, found) if wanted != found => {
                    self.doubled.push(format!("{line}: {found} times, {wanted} wanted"));
                }
                _ => {}
            }
        }
    }

    /// `note` says what was compared.
    pub(crate) fn close(self, note: &str) -> Result<String> {
        let kinds = [
            ("lost", &self.lost),
            ("invented", &self.invented),
            ("doubled", &self.doubled),
            ("wrong", &self.wrong),
        ];
        let counts: Vec<String> = kinds.iter().map(|(name, it)| format!("{name} {}", it.len())).collect();
        let counts = counts.join(", ");
        if kinds.iter().all(|(_, it)| it.is_empty()) {
            return Ok(format!("{counts}; {note}"));
        }
        let first = |(name, it): &(&str, &Vec<String>)| {
            it.iter().take(EXAMPLES_MAX).map(|example| format!("\n  {name}: {example}")).collect::<Vec<_>>()
        };
        bail!("{counts}; {note}{}", kinds.iter().flat_map(first).collect::<Vec<_>>().concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(wanted: &[&str], found: &[&str]) -> Result<String> {
        let owned = |of: &[&str]| of.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let mut verdict = Verdict::default();
        verdict.compare(&owned(wanted), &owned(found));
        verdict.close("compared")
    }

    #[test]
    fn each_kind_of_difference_is_counted_and_named() {
        assert_eq!(
            compared(&["a", "b"], &["b", "a"]).unwrap(),
            "lost 0, invented 0, doubled 0, wrong 0; compared"
        );
        let cases: [(&[&str], &[&str], &str); 4] = [
            (&["a", "b"], &["a"], "lost 1, invented 0, doubled 0, wrong 0; compared\n  lost: b"),
            (&["a"], &["a", "c"], "lost 0, invented 1, doubled 0, wrong 0; compared\n  invented: c"),
            (
                &["a"],
                &["a", "a"],
                "lost 0, invented 0, doubled 1, wrong 0; compared\n  doubled: a: 2 times, 1 wanted",
            ),
            (&["a"], &["b"], "lost 1, invented 1, doubled 0, wrong 0; compared\n  lost: a\n  invented: b"),
        ];
        for (wanted, found, want) in cases {
            assert_eq!(compared(wanted, found).unwrap_err().to_string(), want);
        }
    }
}
