//! Sound as samples: codecs, resampling, playout.
