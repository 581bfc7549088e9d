//! An error with its whole chain of causes, on one line, as it is logged, printed and served.

use std::error::Error;
use std::fmt;

/// Shows an error and all its causes, outermost first. No error of ours repeats its source.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
