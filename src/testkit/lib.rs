//! Development only: softphone, debtor, bots.
