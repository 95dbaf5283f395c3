//! SIP signalling as a pure core: messages, transactions, dialogs, offer and answer.
