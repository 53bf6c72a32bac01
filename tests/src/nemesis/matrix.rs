//! How often what met what.

use std::collections::BTreeMap;
use std::fmt;

use super::blow::{Blow, TAMPERED, Tamper};
use crate::proxy::ProtocolState;

/// A table of counts whose cells are known from the start: none of them is to stay empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    rows: Vec<String>,
    columns: Vec<String>,
    cells: BTreeMap<(String, String), u64>,
}

impl Matrix {
    /// Faults by what the worker was doing.
    #[must_use]
    pub fn of_states() -> Self {
        let rows: Vec<String> = Blow::stately().iter().map(Blow::to_string).collect();
        let columns: Vec<String> = ProtocolState::ALL.iter().map(ProtocolState::to_string).collect();
        let cells = rows.iter().flat_map(|row| columns.iter().map(|column| (row.clone(), column.clone())));
        Self { cells: cells.map(|cell| (cell, 0)).collect(), rows, columns }
    }

    /// What was done to frames by the kind of request.
    #[must_use]
    pub fn of_frames() -> Self {
        let rows = Tamper::ALL.iter().map(Tamper::to_string).collect();
        let columns = TAMPERED.iter().map(ToString::to_string).collect();
        let of = |tamper: Tamper| tamper.apis().iter().map(move |api| (tamper.to_string(), api.to_string()));
        let cells = Tamper::ALL.into_iter().flat_map(of).map(|cell| (cell, 0)).collect();
        Self { rows, columns, cells }
    }

    /// Counts one more. What is no cell of the table is left out.
    pub fn add(&mut self, row: impl fmt::Display, column: impl fmt::Display, times: u64) {
        if let Some(count) = self.cells.get_mut(&(row.to_string(), column.to_string())) {
            *count += times;
        }
    }

    /// The count of a cell; 0 for what is none.
    #[must_use]
    pub fn count(&self, row: impl fmt::Display, column: impl fmt::Display) -> u64 {
        self.cells.get(&(row.to_string(), column.to_string())).copied().unwrap_or_default()
    }

    /// Sum of the cells that fit.
    #[must_use]
    pub fn sum(&self, fits: impl Fn(&str, &str) -> bool) -> u64 {
        self.cells().filter(|(row, column, _)| fits(row, column)).map(|(_, _, count)| count).sum()
    }

    /// Every cell: row, column, count.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.cells.iter().map(|((row, column), count)| (row.as_str(), column.as_str(), *count))
    }

    /// What was never met, as `row x column`.
    #[must_use]
    pub fn empty(&self) -> Vec<String> {
        let empty = self.cells().filter(|(_, _, count)| *count == 0);
        empty.map(|(row, column, _)| format!("{row} x {column}")).collect()
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(String::len).max().unwrap_or_default();
        write!(f, "{:width$}", "")?;
        let wide = |column: &String| column.len().max(5);
        for column in &self.columns {
            write!(f, " {column:>w$}", w = wide(column))?;
        }
        for row in &self.rows {
            write!(f, "\n{row:width$}")?;
            for column in &self.columns {
                match self.cells.get(&(row.clone(), column.clone())) {
                    Some(count) => write!(f, " {count:>w$}", w = wide(column))?,
                    None => write!(f, " {:>w$}", "", w = wide(column))?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Blow, Matrix, Tamper};
    use crate::proxy::{Api, ProtocolState};

    #[test]
    fn matrix_names_the_cells_that_nothing_met() {
        let mut matrix = Matrix::of_states();
        assert_eq!(matrix.empty().len(), 10 * ProtocolState::ALL.len());
        matrix.add(Blow::Kill, ProtocolState::Fencing, 2);
        matrix.add("no such fault", ProtocolState::Fencing, 2);
        assert_eq!(matrix.count(Blow::Kill, ProtocolState::Fencing), 2);
        assert_eq!(matrix.sum(|_, _| true), 2);
        assert!(!matrix.empty().contains(&"kill -9 x fencing".to_owned()));
        assert_eq!(matrix.to_string().lines().count(), 11);
    }

    #[test]
    fn matrix_of_frames_has_no_cell_for_what_is_never_doubled() {
        let mut matrix = Matrix::of_frames();
        assert_eq!(matrix.empty().len(), 6 * 5 + 3);
        matrix.add(Tamper::Doubled, Api::JoinGroup, 1);
        assert_eq!(matrix.sum(|_, _| true), 0);
    }
}
