//! A directory of a test's own, and node files for the test driver.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::vm::Uuid;

/// A new empty directory, removed with everything in it when dropped.
pub(in crate::libvirt) struct Place(PathBuf);

impl Place {
    pub(in crate::libvirt) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short, because the path of a unix socket may have 107 bytes.
        let path = std::env::temp_dir().join(format!("roamd-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(in crate::libvirt) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a node with these domains and returns its URI. States are `virDomainState`s.
    pub(in crate::libvirt) fn node(&self, domains: &[(Uuid, &str, i32)]) -> String {
        let mut xml = String::from("<node>\n");
        for (uuid, name, state) in domains {
            writeln!(
                xml,
                "<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>\
                 <name>{name}</name><uuid>{uuid}</uuid><memory>8192</memory><os><type>hvm</type></os>\
                 <test:runstate>{state}</test:runstate></domain>"
            )
            .unwrap();
        }
        xml.push_str("</node>\n");
        let file = self.0.join("node.xml");
        fs::write(&file, xml).unwrap();
        format!("test://{}", file.display())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
