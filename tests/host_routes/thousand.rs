//! A host with a thousand VMs, each with an address of either family.

use roamd::host_routes::{Order, StandState, Standing, Want};

use crate::in_a_namespace_of_its_own;
use crate::kernel::{Kernel, here};
use crate::namespace::{host, ip, lines, tap, until};

const VMS: usize = 1_000;

fn addresses(number: usize) -> [String; 2] {
    let (high, low) = (number / 250, number % 250 + 1);
    [format!("198.51.{high}.{low}"), format!("2001:db8:5::{high}:{low}")]
}

/// Wants all of them, or none, behind one tap each of a few: what the kernel does for a route does not depend on it.
fn order(kernel: &Kernel, wanted: bool) {
    let mut changes = Vec::new();
    for number in 0..VMS {
        let mac = format!("52:54:00:00:{:02x}:{:02x}", number / 256, number % 256);
        let want = here(&format!("vnet{}", number % 4), &mac, Standing::Executes);
        for address in addresses(number) {
            let prefix = address.parse().expect("a prefix");
            changes.push((prefix, if wanted { want.clone() } else { Want::Nothing }));
        }
    }
    kernel.order(Order::Want { changes, complete: true });
}

fn until_all_stand(kernel: &mut Kernel) {
    until("all stand", || {
        kernel.hear();
        let placed = kernel.stands.values().filter(|stand| stand.state == StandState::Placed).count();
        if placed == 2 * VMS { Ok(()) } else { Err(format!("{placed}; {:?}", kernel.overall.error)) }
    });
}

/// How many routes and neighbours of ours `ip` counts.
fn counted() -> [usize; 5] {
    [
        "-4 route show proto 82",
        "-6 route show proto 82",
        "-4 route show table 82 type unicast",
        "-6 route show table 82 type unicast",
        "neigh show nud permanent",
    ]
    .map(|words| lines(words).iter().filter(|line| !line.contains("blackhole")).count())
}

in_a_namespace_of_its_own! {
    fn a_thousand_vms_are_set_put_back_and_removed() {
        host();
        for number in 0..4 {
            tap(&format!("vnet{number}"));
        }
        let mut kernel = Kernel::start();
        order(&kernel, true);
        until_all_stand(&mut kernel);
        let all = [VMS, VMS, VMS, VMS, 2 * VMS];
        assert_eq!(counted(), all);
        // More than fits into any receive buffer at once.
        for words in ["route flush proto 82", "-6 route flush proto 82", "neigh flush dev br0 nud permanent"] {
            ip(words);
        }
        until("all is put back", || {
            let counted = counted();
            if counted == all { Ok(()) } else { Err(format!("{counted:?}")) }
        });
        ip("link set br0 down");
        ip("link set br0 up");
        until("all is put back again", || {
            let counted = counted();
            if counted == all { Ok(()) } else { Err(format!("{counted:?}")) }
        });
        order(&kernel, false);
        until("all is gone", || {
            let counted = counted();
            if counted == [0; 5] { Ok(()) } else { Err(format!("{counted:?}")) }
        });
    }
}
