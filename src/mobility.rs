//! Facts about VMs to desired routes. Pure.
