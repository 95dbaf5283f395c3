//! Sockets and drivers: SIP, RTP and the media threads.
