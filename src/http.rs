//! The REST view.
