//! Exit codes: a contract with scripts and supervisors.

use std::process::ExitCode;

use exactly_once::core::{Code, Error};

/// How the process ends. 69 and 78 are `EX_UNAVAILABLE` and `EX_CONFIG` of sysexits.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    /// As clap has it.
    Usage,
    /// A required guarantee or a verification is not met.
    NotMet,
    Unreachable,
    Config,
}

impl Exit {
    /// The exit code of an error. Its disposition plays no part: what could be retried was retried.
    pub(crate) fn of(error: &Error) -> Self {
        match error.code() {
            Code::Config | Code::ConfigFile => Self::Config,
            Code::Usage => Self::Usage,
            Code::Guarantee | Code::NotClean => Self::NotMet,
            Code::Unreachable | Code::KafkaIo | Code::KafkaTimeout | Code::StoreUnavailable => {
                Self::Unreachable
            }
            _ => Self::Failed,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotMet => 3,
            Self::Unreachable => 69,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use exactly_once::core::Disposition;

    use super::*;

    #[test]
    fn exit_code_follows_from_the_error_code() {
        let number = |code| Exit::of(&Error::new(code, Disposition::Reject, "x")).number();
        assert_eq!(
            [Code::Internal, Code::Usage, Code::Guarantee, Code::NotClean, Code::Unreachable, Code::Config]
                .map(number),
            [1, 2, 3, 3, 69, 78]
        );
    }
}
