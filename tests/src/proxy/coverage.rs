//! Which fault met which state of the protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::ProtocolState;

/// A table of faults and protocol states, with the number of times that they met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    cells: BTreeMap<String, BTreeMap<ProtocolState, u64>>,
}

impl Coverage {
    /// Counts a fault.
    pub(super) fn add(&mut self, fault: &str, state: ProtocolState) {
        *self.cells.entry(fault.to_owned()).or_default().entry(state).or_default() += 1;
    }

    /// How often a fault met a state.
    #[must_use]
    pub fn count(&self, fault: &str, state: ProtocolState) -> u64 {
        self.cells.get(fault).and_then(|row| row.get(&state)).copied().unwrap_or_default()
    }

    /// Faults in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.cells.values().flat_map(BTreeMap::values).sum()
    }

    /// States that no fault met.
    #[must_use]
    pub fn unmet(&self) -> BTreeSet<ProtocolState> {
        let met: BTreeSet<ProtocolState> = self.cells.values().flat_map(BTreeMap::keys).copied().collect();
        ProtocolState::ALL.into_iter().filter(|state| !met.contains(state)).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.cells.keys().map(String::len).max().unwrap_or_default();
        write!(f, "{:width$}", "")?;
        for state in ProtocolState::ALL {
            write!(f, " {state:>9}")?;
        }
        for (fault, row) in &self.cells {
            write!(f, "\n{fault:width$}")?;
            for state in ProtocolState::ALL {
                match row.get(&state) {
                    Some(count) => write!(f, " {count:>9}")?,
                    None => write!(f, " {:>9}", "-")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Coverage, ProtocolState};

    #[test]
    fn table_counts_what_met_and_names_what_did_not() {
        let mut coverage = Coverage::default();
        coverage.add("reply lost", ProtocolState::Ending);
        coverage.add("reply lost", ProtocolState::Ending);
        coverage.add("cut", ProtocolState::Between);
        assert_eq!(coverage.count("reply lost", ProtocolState::Ending), 2);
        assert_eq!(coverage.total(), 3);
        assert_eq!(coverage.unmet().len(), ProtocolState::ALL.len() - 2);
        let text = coverage.to_string();
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line.len() == 10 + 10 * ProtocolState::ALL.len()), "{text}");
    }
}
