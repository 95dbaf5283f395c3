//! The call decision and the arithmetic of arrangements.
