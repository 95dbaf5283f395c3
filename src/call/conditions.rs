//! What must hold before a card is taken: of the line that its keys come by, and of the machine that they pass.
//!
//! Account data crosses no open network in clear (PCI DSS v4.0.1, 4.2.1), and reaches neither a dump (3.3.1.2) nor a disk by
//! way of swap (3.5.1). Facts go in, what is missing comes out. A call that never leaves this machine is exempt.

use serde::Serialize;

/// How a call reaches the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whether no packet of it can come from another machine.
    pub is_local: bool,
    /// What carries it.
    pub carriage: Carriage,
    /// Whether the configuration of its trunk records who attests that the line is private.
    pub is_attested: bool,
}

/// What carries a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// SIP, and RTP beside it.
    Sip {
        /// Whether the SIP that brings SRTP's keys, or the fingerprint of DTLS, is under TLS.
        is_signalling_encrypted: bool,
        /// Whether the audio is SRTP.
        is_media_encrypted: bool,
    },
    /// A carrier's WebSocket with the audio in it.
    WebSocket {
        /// Whether it is under TLS.
        is_encrypted: bool,
    },
}

/// What matters of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Whether the gateway's memory can be dumped, or read by others of its user.
    pub is_gateway_dumpable: bool,
    /// Whether the vault has said that its hardening holds; it is ready not before.
    pub is_vault_hardened: bool,
    /// Where memory may be swapped to.
    pub swap: Swap,
}

/// Where memory may be swapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// Nowhere.
    Off,
    /// Only to where it cannot be read without a key, or to memory.
    Sealed,
    /// To a disk in clear, or to one of which that is not known.
    Clear,
}

/// Something that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmet {
    /// The audio, and with it the keys, comes in clear.
    MediaInClear,
    /// The audio is encrypted, but the SIP that brings its keys is not.
    SignallingInClear,
    /// The gateway's memory can be dumped.
    GatewayDumpable,
    /// The vault is not known to be hardened.
    VaultNotHardened,
    /// Memory may be swapped to a disk in clear.
    SwapInClear,
}

impl Unmet {
    /// Every one, in the order in which they are told.
    pub const ALL: [Self; 5] =
        [Self::MediaInClear, Self::SignallingInClear, Self::GatewayDumpable, Self::VaultNotHardened, Self::SwapInClear];

    /// The stable name: the outcome of the capture that is refused for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MediaInClear => "media_in_clear",
            Self::SignallingInClear => "signalling_in_clear",
            Self::GatewayDumpable => "gateway_dumpable",
            Self::VaultNotHardened => "vault_not_hardened",
            Self::SwapInClear => "swap_in_clear",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::MediaInClear => {
                "keys come in clear, and signalling with them: write who attests that the line is private into \
                 trunk[].private_line"
            }
            Self::SignallingInClear => {
                "the keys of SRTP come in clear, because this gateway takes SIP over UDP and TCP alone: write who attests that \
                 the line is private into trunk[].private_line"
            }
            Self::GatewayDumpable => "the gateway's memory can be dumped: let it call prctl(PR_SET_DUMPABLE)",
            Self::VaultNotHardened => {
                "the vault is not ready: `tonegate-vault --check` says what of its hardening fails"
            }
            Self::SwapInClear => {
                "memory may be swapped to a disk in clear: put swap on dm-crypt or zram, or switch it off"
            }
        }
    }
}

/// What is missing for a card to be taken of this call; nothing where it may be.
#[must_use]
pub fn unmet(line: &Line, host: &Host) -> Vec<Unmet> {
    if line.is_local {
        return Vec::new();
    }
    let mut missing: Vec<_> = unmet_by_line(line).into_iter().collect();
    let of_host = [
        (host.is_gateway_dumpable, Unmet::GatewayDumpable),
        (!host.is_vault_hardened, Unmet::VaultNotHardened),
        (host.swap == Swap::Clear, Unmet::SwapInClear),
    ];
    missing.extend(of_host.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, unmet)| unmet));
    missing
}

/// An attestation stands in for encryption, and for nothing else.
fn unmet_by_line(line: &Line) -> Option<Unmet> {
    match line.carriage {
        _ if line.is_attested => None,
        Carriage::WebSocket { is_encrypted: true }
        | Carriage::Sip { is_signalling_encrypted: true, is_media_encrypted: true } => None,
        Carriage::Sip { is_signalling_encrypted: false, is_media_encrypted: true } => Some(Unmet::SignallingInClear),
        Carriage::Sip { is_media_encrypted: false, .. } | Carriage::WebSocket { is_encrypted: false } => {
            Some(Unmet::MediaInClear)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARDENED: Host = Host { is_gateway_dumpable: false, is_vault_hardened: true, swap: Swap::Off };

    fn sip(is_signalling_encrypted: bool, is_media_encrypted: bool) -> Line {
        let carriage = Carriage::Sip { is_signalling_encrypted, is_media_encrypted };
        Line { is_local: false, carriage, is_attested: false }
    }

    #[test]
    fn keys_come_encrypted_with_their_signalling_or_by_a_line_that_somebody_attests() {
        let web_socket = |is_encrypted| Line { carriage: Carriage::WebSocket { is_encrypted }, ..sip(false, false) };
        let cases = [
            (sip(true, true), None),
            (sip(false, true), Some(Unmet::SignallingInClear)),
            (sip(true, false), Some(Unmet::MediaInClear)),
            (sip(false, false), Some(Unmet::MediaInClear)),
            (web_socket(true), None),
            (web_socket(false), Some(Unmet::MediaInClear)),
        ];
        for (line, expected) in cases {
            assert_eq!(unmet(&line, &HARDENED).first().copied(), expected, "{line:?}");
            assert!(unmet(&Line { is_attested: true, ..line }, &HARDENED).is_empty(), "{line:?}");
        }
    }

    #[test]
    fn an_attestation_of_the_line_excuses_nothing_of_the_machine() {
        let line = Line { is_attested: true, ..sip(false, false) };
        let bad = [
            (Host { is_gateway_dumpable: true, ..HARDENED }, Unmet::GatewayDumpable),
            (Host { is_vault_hardened: false, ..HARDENED }, Unmet::VaultNotHardened),
            (Host { swap: Swap::Clear, ..HARDENED }, Unmet::SwapInClear),
        ];
        for (host, expected) in bad {
            assert_eq!(unmet(&line, &host), [expected]);
        }
        assert!(unmet(&line, &Host { swap: Swap::Sealed, ..HARDENED }).is_empty());
    }

    #[test]
    fn everything_that_is_missing_is_told_and_a_call_on_this_machine_lacks_nothing() {
        let bare = Host { is_gateway_dumpable: true, is_vault_hardened: false, swap: Swap::Clear };
        let line = sip(false, false);
        let told = unmet(&line, &bare);
        assert_eq!(told, [Unmet::MediaInClear, Unmet::GatewayDumpable, Unmet::VaultNotHardened, Unmet::SwapInClear]);
        assert!(unmet(&Line { is_local: true, ..line }, &bare).is_empty());
        for one in Unmet::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.name(), "one name everywhere");
        }
    }
}
