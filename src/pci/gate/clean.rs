//! Audio that has passed the gate, and the numbers by which a mute is proven.

use frame::{SampleRate, Samples};
use payment::SinkId;
use zeroize::Zeroize;

/// The number of one mute of one leg, from 1. Frames muted by a capture carry it; a new number means that everything
/// older than the frame is to be flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MuteEpoch(pub(crate) u64);

/// A sink's statement that its writer has flushed or discarded everything older than the first silent frame it
/// wrote. Given once per epoch at first, then again at least every [`crate::MUTE_LEASE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MuteAck {
    /// The sink whose writer speaks.
    pub sink: SinkId,
    /// The epoch it has muted.
    pub epoch: MuteEpoch,
    /// [`CleanFrame::index`] of the first silent frame it wrote in this epoch.
    pub first_silent_index: u64,
}

/// The silence in a frame that stands for audio nobody knows: lost, or beside a loss where nothing could be judged. A
/// transform may fill it, with what it makes of frames it was given before. What was silenced as a tone is never in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Samples at the frame's beginning; all of them where it was lost.
    pub head: usize,
    /// Samples at its end.
    pub tail: usize,
}

/// Work on clean audio that yields clean audio: resampling, concealment, gain.
pub trait Transform {
    /// The rate of what [`Transform::apply`] makes.
    fn output_rate(&self) -> SampleRate;
    /// Makes one frame at [`Transform::output_rate`] of one frame at the leg's rate.
    fn apply(&mut self, input: &[i16], missing: Missing, output: &mut [i16]);
    /// Forgets all audio it holds. Called in place of [`Transform::apply`] for every frame of a capture.
    fn flush(&mut self);
}

/// Twenty milliseconds of a caller's audio that the gate has let pass, or the exact silence in its place.
///
/// Only the gate makes one, and every back end takes only this:
/// ```compile_fail,E0451
/// use frame::{SampleRate, Samples};
/// let (rate, samples) = (SampleRate::Hz8000, Samples::silence(SampleRate::Hz8000));
/// let frame = gate::CleanFrame { rate, samples };
/// ```
/// It is not copied; several taps read one:
/// ```compile_fail,E0599
/// fn twice(frame: gate::CleanFrame) -> (gate::CleanFrame, gate::CleanFrame) { (frame.clone(), frame) }
/// ```
pub struct CleanFrame {
    pub(crate) rate: SampleRate,
    pub(crate) index: u64,
    pub(crate) lost: bool,
    pub(crate) missing: Missing,
    pub(crate) clamped: bool,
    pub(crate) voice: bool,
    pub(crate) epoch: Option<MuteEpoch>,
    pub(crate) samples: Samples,
}

impl CleanFrame {
    /// The samples: exactly zero in a capture. Outside of one, what was lost or clamped is zero as the gate gives it; a
    /// [`Transform`] may have put there what it made of earlier frames.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// The stream time before this frame: [`frame::INDEX_STEP`] for each 20 ms, whatever the rate.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The sampling rate.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Whether somebody speaks. Never set in a capture.
    pub fn voice(&self) -> bool {
        self.voice
    }

    /// Whether the frame stands for one that never arrived.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether the frame was silenced outside a capture, whole or beside a loss, because it may have held a tone.
    pub fn is_clamped(&self) -> bool {
        self.clamped
    }

    /// The capture's mute that silenced this frame.
    pub fn mute_epoch(&self) -> Option<MuteEpoch> {
        self.epoch
    }

    /// The frame after `transform`. In a capture the transform is flushed and its output is exact silence.
    pub fn transform<T: Transform>(&self, transform: &mut T) -> Self {
        let (rate, missing) = (transform.output_rate(), Missing::default());
        let mut made = Self { rate, missing, samples: Samples::silence(rate), ..*self };
        if self.epoch.is_some() {
            transform.flush();
        } else {
            transform.apply(&self.samples, self.missing, &mut made.samples);
        }
        made
    }

    /// Exact silence in place of whatever it held, and no word about that.
    pub(crate) fn mute(&mut self, epoch: MuteEpoch) {
        self.samples.zeroize();
        (self.lost, self.missing, self.clamped, self.epoch) = (false, Missing::default(), false, Some(epoch));
    }
}
