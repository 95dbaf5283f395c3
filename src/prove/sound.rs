//! Sound in files: recordings as WAV or Ogg Opus.

use std::io::{Read, Seek};

use ogg::PacketReader;

use crate::listen::Track;

/// Samples a second that Opus is decoded to.
const OPUS_RATE: u32 = 48_000;
/// The longest Opus packet: 120 ms (RFC 6716 §3.2.5).
const LONGEST_PACKET: usize = OPUS_RATE as usize / 1_000 * 120;

/// Why a file cannot be listened to.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// No WAV of 16-bit samples.
    #[error("not a WAV of 16-bit samples: {0}")]
    Wave(#[from] hound::Error),
    /// No Ogg file.
    #[error("not an Ogg file: {0}")]
    Ogg(#[from] ogg::OggReadError),
    /// No Opus in it that can be decoded.
    #[error("not Opus: {0}")]
    Opus(String),
}

/// The channels of a WAV file.
///
/// # Errors
/// Where it is none.
pub fn wave(reader: impl Read) -> Result<Vec<Track>, SoundError> {
    let mut wave = hound::WavReader::new(reader)?;
    let (rate, channels) = (wave.spec().sample_rate, usize::from(wave.spec().channels));
    // A file that was cut off is heard as far as it goes.
    let samples: Vec<i16> = wave.samples::<i16>().map_while(Result::ok).collect();
    let channel = |first: usize| samples.iter().skip(first).step_by(channels).copied().collect();
    Ok((0..channels).map(|first| Track { rate, samples: channel(first) }).collect())
}

/// The channels of an Ogg Opus file (RFC 7845).
///
/// # Errors
/// Where it is none.
pub fn opus(reader: impl Read + Seek) -> Result<Vec<Track>, SoundError> {
    let mut packets = PacketReader::new(reader);
    let head = packets.read_packet_expected()?;
    if !head.data.starts_with(b"OpusHead") {
        return Err(SoundError::Opus("it does not begin with OpusHead".to_owned()));
    }
    let Some(&[channels, .., family]) = head.data.get(9..19) else {
        return Err(SoundError::Opus("its head is cut".to_owned()));
    };
    // Family 0 has one stream; others say how many there are (RFC 7845 §5.1.1).
    let layout = if family == 0 { Some((1, channels - channels.min(1), vec![0, 1])) } else { mapping(&head.data) };
    let (streams, coupled, mut mapping) = layout.ok_or_else(|| SoundError::Opus("its head is cut".to_owned()))?;
    mapping.truncate(usize::from(channels));
    let channels = mapping.len();
    packets.read_packet_expected()?;
    let decoder = opus::MSDecoder::new(OPUS_RATE, streams, coupled, &mapping);
    let mut decoder = decoder.map_err(|error| SoundError::Opus(error.to_string()))?;
    let mut tracks = vec![Track { rate: OPUS_RATE, samples: Vec::new() }; channels];
    let mut room = vec![0_i16; LONGEST_PACKET * channels];
    while let Ok(Some(packet)) = packets.read_packet() {
        let decoded = decoder.decode(&packet.data, &mut room, false);
        let samples = decoded.map_err(|error| SoundError::Opus(error.to_string()))?;
        for (place, sample) in room[..samples * channels].iter().enumerate() {
            tracks[place % channels].samples.push(*sample);
        }
    }
    Ok(tracks)
}

/// Streams, coupled streams, and which channel is which.
fn mapping(head: &[u8]) -> Option<(u8, u8, Vec<u8>)> {
    let &[streams, coupled] = head.get(19..21)?.first_chunk()?;
    Some((streams, coupled, head.get(21..)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_wave_file_is_read_channel_by_channel_as_far_as_it_goes() {
        let mut bytes = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        (0..200_i16).for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        let whole = bytes.into_inner();
        let tracks = wave(Cursor::new(&whole)).unwrap();
        assert_eq!((tracks.len(), tracks[0].rate, &tracks[1].samples[..2]), (2, 8_000, &[1, 3][..]));
        let cut = wave(Cursor::new(&whole[..whole.len() - 40])).unwrap();
        assert_eq!(cut[0].samples, tracks[0].samples[..90]);
    }

    #[test]
    fn what_is_no_sound_is_named() {
        assert!(matches!(wave(Cursor::new(b"RIFFnothing")), Err(SoundError::Wave(_))));
        assert!(opus(Cursor::new(b"nothing at all".to_vec())).is_err());
    }
}
