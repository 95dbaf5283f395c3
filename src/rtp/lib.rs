//! RTP as a pure core: packets, ordering, decoding, pacing, RTCP.
