//! The house's own rules, checked against what is really built: layers, and what may be linked where.

mod layers;
