//! What failed tests said, for the end of a run: further up it is lost among thousands of lines.

/// Lines of one test that are worth repeating; a stack backtrace is not.
const LINES: usize = 20;

/// What failed tests said.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    told: Vec<String>,
    /// Lines that may still be added to the newest of `told`.
    room: usize,
}

impl Reports {
    /// Takes a line of cargo's output: a test's report stands between `---- NAME` and the next of these or `failures:`.
    pub(crate) fn add_line(&mut self, line: &str) {
        if line.starts_with("---- ") && line.ends_with(" ----") {
            self.told.push(format!("{line}\n"));
            self.room = LINES;
        } else if line == "failures:"
            || line.starts_with("test result: ")
            || line.starts_with("Stack backtrace")
        {
            self.room = 0;
        } else if let Some(newest) = self.told.last_mut()
            && self.room > 0
            && !line.trim().is_empty()
        {
            newest.push_str(line);
            newest.push('\n');
            self.room -= 1;
        }
    }

    /// One after the other; empty where no test failed.
    pub(crate) fn text(&self) -> String {
        self.told.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::Reports;

    fn reports(output: &str) -> String {
        let mut reports = Reports::default();
        output.lines().for_each(|line| reports.add_line(line));
        reports.text()
    }

    #[test]
    fn reports_of_both_harnesses_are_kept_without_backtraces_and_lists() {
        let output = "running 2 tests\ntest a ... FAILED\n\nfailures:\n\n---- a stdout ----\nError: no\n\nStack backtrace:\n   \
                      0: main\n\n\nfailures:\n    a\n\ntest result: FAILED. 1 passed; 1 failed\nrunning 1 test\n\nfailures:\n\n\
                      ---- b::c ----\nexit code 69\n\n\nfailures:\n    b::c\n\ntest result: FAILED.";
        assert_eq!(reports(output), "---- a stdout ----\nError: no\n---- b::c ----\nexit code 69\n");
    }

    #[test]
    fn long_report_is_cut_and_a_run_without_failure_has_none() {
        let long = format!("---- a ----\n{}", "more\n".repeat(500));
        assert_eq!(reports(&long).lines().count(), super::LINES + 1);
        assert_eq!(reports("test a ... ok\n\ntest result: ok. 1 passed"), "");
    }
}
