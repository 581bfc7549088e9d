//! Any bytes as a configuration: a value or faults, in bounded time and memory, and never a panic.
//!
//! The input is the main file.

use std::path::Path;

use roamd::config::Config;

pub fn run(data: &[u8]) {
    let path = Path::new("/nonexistent/roamd.yaml");
    match Config::from_bytes(path, data.to_vec()) {
        Ok(config) => {
            assert!(config.warnings().iter().all(|warning| warning.lines().count() == 1));
            let again = Config::from_bytes(path, data.to_vec());
            assert_eq!(again.as_ref().ok(), Some(&config), "the same file is the same configuration");
        }
        Err(faults) => {
            let text = String::from_utf8_lossy(data).replace("\r\n", "\n").replace('\r', "\n");
            let lines = text.lines().count().max(1);
            assert!(faults.iter().next().is_some(), "a file is refused for a reason");
            for fault in &faults {
                assert_eq!(fault.to_string().lines().count(), 1, "a fault is one line");
                assert!(fault.with_excerpt().to_string().lines().count() <= 4, "with its place it is four");
                assert!(
                    (1..=lines).contains(&fault.line) && fault.column >= 1,
                    "it stands in the file: {fault}"
                );
            }
        }
    }
}
