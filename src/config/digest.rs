//! Hashes that tell whether two hosts have the same file, and the same VM map.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{NicChoices, Vm};
use crate::route::Prefix;
use crate::vm::VmName;

/// SHA-256 in lower-case hex.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of the canonical form of a VM map, in lower-case hex.
///
/// The form: one line a VM in the order of their names' bytes, each a JSON array without blanks of name, uuid
/// (lower case with hyphens, or `null`), prefixes (sorted, IPv4 first, RFC 5952, always with a length), and the
/// attributes that are set (an object in the order of [`AttributeOverrides`](crate::route::AttributeOverrides),
/// communities sorted), each line ended by a line feed. Where the file says which NIC serves an address, that array
/// stands in another one, with the choice for all addresses and an object of those for single ones behind it.
pub(super) fn of_vms(vms: &BTreeMap<VmName, Arc<Vm>>) -> String {
    let mut hash = Sha256::new();
    for (name, vm) in vms {
        let mut prefixes: Vec<Prefix> = vm.service_ips.clone();
        prefixes.sort_unstable();
        let known = (name, vm.uuid, &prefixes, &vm.attributes);
        // What a map without it has hashed to for ever, it hashes to.
        let line = if vm.nics == NicChoices::default() {
            serde_json::to_string(&known)
        } else {
            serde_json::to_string(&(known, &vm.nics.all, &vm.nics.of))
        };
        hash.update(line.expect("texts and numbers under text keys always become JSON"));
        hash.update("\n");
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
