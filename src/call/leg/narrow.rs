use audio::{CodecError, Converter};
use frame::SampleRate;
use gate::{Missing, Transform};

/// Brings a leg's clean audio to 8 kHz, which everything that taps it takes. Late by [`Converter::delay`], about 2 ms.
pub(super) struct Narrow(Converter);

impl Narrow {
    /// None where nothing is to be done.
    pub(super) fn from(rate: SampleRate) -> Result<Option<Self>, CodecError> {
        if rate == SampleRate::Hz8000 {
            return Ok(None);
        }
        Converter::new(rate, SampleRate::Hz8000).map(|converter| Some(Self(converter))).map_err(|_| CodecError::Setup)
    }
}

impl Transform for Narrow {
    fn output_rate(&self) -> SampleRate {
        SampleRate::Hz8000
    }

    fn apply(&mut self, input: &[i16], _missing: Missing, output: &mut [i16]) {
        if self.0.convert(input, output).is_err() {
            output.fill(0);
        }
    }

    fn flush(&mut self) {
        self.0.reset();
    }
}
